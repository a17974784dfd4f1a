"""`rdr web`."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from avatar_bridge.cli.avatar import open_avatar
from avatar_bridge.cli.stream import endpoint_of_source, open_stream
from avatar_bridge.config import DEFAULT_ENDPOINT
from avatar_bridge.errors import WebError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.places import Places
from avatar_bridge.subscriber import Subscriber

if TYPE_CHECKING:
    from avatar_bridge.avatar import Avatar
    from avatar_bridge.web.server import PageServer

_POLL_MS = 30.0
_LEAST_TOKEN = 16


def web(
    endpoint: str = DEFAULT_ENDPOINT,
    source: str | None = None,
    avatar: Path | None = None,
    user: str | None = None,
    port: int = 8700,
    bind: str = "127.0.0.1",
    token: str | None = None,
    server_key: str | None = None,
    wait: float = 10.0,
    fetch: bool = False,
) -> None:
    """Serve a page that shows the avatar live on a transparent background: for OBS's browser source, or any browser.

    Examples:
        rdr web
        rdr web --avatar my_character.vrm --port 8800
        rdr web --user anna
        rdr web --bind 0.0.0.0
        rdr web --fetch

    Args:
        endpoint: Where the stream is published; it may come later, go and come back.
        source: Which of several cameras (rdr track front=0 left=1); endpoint is the first one's.
        avatar: Another avatar than the one that comes with the program (as in rdr preview).
        user: The avatar has the face and the skin of this user (rdr calibrate).
        port: Of the page.
        bind: Address of this machine that is listened on; one that others reach makes the page ask for a token.
        token: That token, at least 16 characters; by default a new one is made and printed.
        server_key: The sender's public key where it is on another machine (rdr keys).
        wait: How long to look for a named source, seconds.
        fetch: Only fetch three.js, which the page draws with, for a machine that will be offline; it is fetched by npm
            the first time.
    """
    from avatar_bridge.web.server import PageServer, is_loopback
    from avatar_bridge.web.three import VERSION, three_folder

    if not 0 <= port <= 65535:
        raise WebError(f"--port must be 0 (any that is free) to 65535, got {port}")
    if token is not None and len(token) < _LEAST_TOKEN:
        raise WebError(
            f"--token must have at least {_LEAST_TOKEN} characters, got {len(token)}; leave it out for a new one"
        )
    three = three_folder()
    if fetch:
        print(f"three.js {VERSION} is in {three}")
        return
    if token is None and not is_loopback(bind):
        token = secrets.token_urlsafe()
    server = PageServer(glb_of(open_avatar(avatar, user)), three, token)
    endpoint = endpoint_of_source(endpoint, source, wait, server_key)
    with open_stream(endpoint, server_key, latest_only=True) as stream, suppress(KeyboardInterrupt):
        asyncio.run(_serve(server, stream, bind, port, token))
    print("stopped")


def glb_of(avatar: Avatar) -> bytes:
    """Return an avatar as glTF, with FaceWarehouse's 46 shapes."""
    from avatar_bridge.convert.gltf import write_avatar_glb
    from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "avatar.glb"
        write_avatar_glb(path, BLENDSHAPE_NAMES, avatar)
        return path.read_bytes()


async def _serve(server: PageServer, stream: Subscriber, bind: str, port: int, token: str | None) -> None:
    """Serve until the receiving thread ends by an error, or Ctrl-C."""
    listening = await server.serve(bind, port)
    host, port = listening.sockets[0].getsockname()[:2]
    shown = {"0.0.0.0": "THIS-MACHINE", "::": "THIS-MACHINE"}.get(host, f"[{host}]" if ":" in host else host)
    address = f"http://{shown}:{port}/" + (f"?token={token}" if token else "")
    print(f"the avatar is at {address}\nIn OBS: + Source, Browser, this address. Ctrl-C ends.", flush=True)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    failed: list[BaseException] = []
    stop = threading.Event()

    def receive() -> None:
        try:
            hand_on(stream, lambda place, frame: loop.call_soon_threadsafe(server.tell, place, frame), stop)
        except Exception as error:
            failed.append(error)
        loop.call_soon_threadsafe(ended.set)

    thread = threading.Thread(target=receive, name="receiver", daemon=True)
    thread.start()
    try:
        async with listening:
            await ended.wait()
    finally:
        stop.set()
        thread.join()
    if failed:
        raise failed[0]


def hand_on(stream: Subscriber, tell: Callable[[int, str], object], stop: threading.Event) -> None:
    """Tell what comes, each face at its place, until `stop` is set."""
    from avatar_bridge.web.page_message import page_message

    places = Places()
    while not stop.is_set():
        for message in stream.poll(_POLL_MS):
            if isinstance(message, FaceFrame) and (place := places.of(message)) is not None:
                tell(place, page_message(message, place))
