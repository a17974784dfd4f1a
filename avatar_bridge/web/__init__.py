"""The avatar in a browser: a page, a server for it, and three.js, which the page draws with."""
