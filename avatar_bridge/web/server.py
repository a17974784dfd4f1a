"""The page's server: a few files over HTTP and the stream over a WebSocket, to this machine unless there is a token.

Any page that a browser on this machine shows can try to reach a server on it. So the Host must be this machine's (a
name that was made to point here, DNS rebinding, is refused), a WebSocket must come from this page (Origin), and over a
network whoever asks must know the token.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from avatar_bridge.errors import WebError
from avatar_bridge.web.page_message import GREETING
from avatar_bridge.web.three import FILES

MAX_VIEWERS: Final = 16
_STREAM: Final = "/stream"
_AVATAR: Final = "/avatar.glb"
_TEXT: Final = "text/plain; charset=utf-8"
_TYPES: Final = {
    "": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".glb": "model/gltf-binary",
}
_LARGEST_MESSAGE: Final = 64
"""Bytes of a page's message; pages have nothing to say."""
_IMPORTS: Final = '{"imports":{"three":"/three/three.module.js"}}'
_IMPORTS_HASH: Final = base64.b64encode(hashlib.sha256(_IMPORTS.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; script-src 'self' 'sha256-{_IMPORTS_HASH}'; style-src 'unsafe-inline'; "
    "connect-src 'self' blob:; img-src 'self' blob: data:"
)


class Viewer:
    """One page: what it has not been told yet, the newest of each face."""

    def __init__(self) -> None:
        self.pending: dict[int, str] = {}
        self.told = asyncio.Event()


class PageServer:
    """Serves the page from the thread whose event loop it runs in."""

    def __init__(self, avatar_glb: bytes, three: Path, token: str | None = None) -> None:
        """avatar_glb: the avatar; three: folder of `three_folder`; token: what others must know; None: only this
        machine is answered."""
        self._token, self._three = token, three
        self._viewers: set[Viewer] = set()
        self._files = _page_files() | {_AVATAR: avatar_glb}

    def tell(self, place: int, message: str) -> None:
        """Tell all pages of a face; one that is slow gets the newest alone. Call it in the server's thread."""
        for viewer in self._viewers:
            viewer.pending[place] = message
            viewer.told.set()

    @property
    def viewers(self) -> int:
        """How many pages look."""
        return len(self._viewers)

    async def serve(self, bind: str, port: int) -> Any:
        """Begin to listen; returns the websockets server. WebError where that cannot be."""
        from websockets.asyncio.server import serve

        logging.getLogger("websockets").setLevel(logging.CRITICAL)  # strangers' handshakes are no news
        try:
            return await serve(
                self._stream,
                bind,
                port,
                process_request=self._answer,
                max_size=_LARGEST_MESSAGE,
                max_queue=1,
                compression=None,
                server_header=None,
            )
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else str(error)  # asyncio's own text is long
            raise WebError(f"cannot serve on {bind} port {port} ({reason}): choose another --port or --bind") from None

    async def _stream(self, connection: Any) -> None:
        """Tell one page what comes, until it goes."""
        from websockets.exceptions import ConnectionClosed

        viewer = Viewer()
        self._viewers.add(viewer)
        gone = asyncio.ensure_future(connection.wait_closed())
        try:
            await connection.send(GREETING)
            while not gone.done():
                told = asyncio.ensure_future(viewer.told.wait())
                await asyncio.wait({told, gone}, return_when=asyncio.FIRST_COMPLETED)
                told.cancel()
                viewer.told.clear()
                messages, viewer.pending = viewer.pending, {}
                for message in messages.values():
                    await connection.send(message)
        except ConnectionClosed:
            pass
        finally:
            gone.cancel()
            self._viewers.discard(viewer)

    def _answer(self, connection: Any, request: Any) -> Any:
        """Answer a request for a file; None: it is the stream, go on with the handshake."""
        path, query = _split(request.path)
        if not self._host_is_ours(request.headers):
            return _response(HTTPStatus.MISDIRECTED_REQUEST, b"this server answers to its own address alone\n")
        if path in (_AVATAR, _STREAM) and not self._knows_token(query):
            return _response(HTTPStatus.FORBIDDEN, b"the token is missing or wrong: take the address from rdr web\n")
        if path == _STREAM:
            return self._refuse_stream(request.headers)
        content = self._files.get(path)
        if content is None and path.removeprefix("/three/") in FILES:
            content = (self._three / path.removeprefix("/three/")).read_bytes()
        if content is None:
            return _response(HTTPStatus.NOT_FOUND, b"nothing here; the page is at /\n")
        return _response(HTTPStatus.OK, content, _TYPES.get(Path(path).suffix, _TEXT))

    def _refuse_stream(self, headers: Mapping[str, str]) -> Any:
        origin = headers.get("Origin")
        if headers.get("Upgrade", "").lower() != "websocket":
            return _response(HTTPStatus.UPGRADE_REQUIRED, b"this is a WebSocket\n")
        if origin is not None and urlsplit(origin).netloc != headers.get("Host"):
            return _response(HTTPStatus.FORBIDDEN, b"another page's scripts may not listen\n")
        if len(self._viewers) >= MAX_VIEWERS:
            return _response(HTTPStatus.SERVICE_UNAVAILABLE, b"too many pages look already\n")
        return None

    def _host_is_ours(self, headers: Mapping[str, str]) -> bool:
        if self._token is not None:
            return True
        with suppress(ValueError):
            return is_loopback(urlsplit("//" + headers.get("Host", "")).hostname or "")
        return False

    def _knows_token(self, query: Mapping[str, list[str]]) -> bool:
        if self._token is None:
            return True
        return hmac.compare_digest(query.get("token", [""])[0].encode(), self._token.encode())


def is_loopback(host: str) -> bool:
    """Whether an address or name is of this machine alone."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _split(target: str) -> tuple[str, dict[str, list[str]]]:
    with suppress(ValueError):
        parts = urlsplit(target)
        return parts.path, parse_qs(parts.query)
    return "", {}


def _page_files() -> dict[str, bytes]:
    page = files("avatar_bridge.web") / "page"
    html = (page / "index.html").read_text(encoding="utf-8").replace("{{imports}}", _IMPORTS)
    return {"/": html.encode(), "/page.js": (page / "page.js").read_bytes()}


def _response(status: HTTPStatus, content: bytes, kind: str = _TEXT) -> Any:
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    headers = {
        "Content-Type": kind,
        "Content-Length": str(len(content)),
        "Connection": "close",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": _POLICY,
    }
    return Response(status.value, status.phrase, Headers(headers), content)
