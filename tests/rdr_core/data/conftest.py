"""A web server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Web:
    """A folder that is served, and how the server misbehaves."""

    folder: Path
    url: str
    """Ends with a slash."""
    requests: list[str] = field(default_factory=list)
    """Paths asked for."""
    failures: list[int] = field(default_factory=list)
    """What happens to the next requests: a status, or 0 for a connection that breaks after half of the content."""


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, web: Web, **kwargs: Any) -> None:
        self.web = web
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        self.web.requests.append(self.path)
        status = self.web.failures.pop(0) if self.web.failures else 200
        if status == 200:
            super().do_GET()
        elif status == 0:
            content = Path(self.translate_path(self.path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
        else:
            self.send_error(status)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """Serve the folder `web` of the test's folder."""
    found = Web(tmp_path / "web", "")
    found.folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, web=found, directory=str(found.folder))) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
