"""The page's server over real sockets: who is answered, and what."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from avatar_bridge.errors import WebError
from avatar_bridge.web.page_message import GREETING
from avatar_bridge.web.server import MAX_VIEWERS, PageServer, is_loopback

TOKEN = "correct-horse-battery"


class Running:
    """A server in a thread of its own."""

    def __init__(self, folder: Path, token: str | None) -> None:
        self.server = PageServer(b"glTF....", folder, token)
        self.loop = asyncio.new_event_loop()
        self.port = 0
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self.loop.run_until_complete, args=(self._run(),))
        self._thread.start()
        assert self._ready.wait(10)

    async def _run(self) -> None:
        async with await self.server.serve("127.0.0.1", 0) as listening:
            self.port = listening.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stop.wait()

    def tell(self, place: int, message: str) -> None:
        self.loop.call_soon_threadsafe(self.server.tell, place, message)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        self.loop.close()

    def get(self, path: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.putrequest("GET", path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())

    @property
    def stream(self) -> str:
        return f"ws://127.0.0.1:{self.port}/stream"


@contextmanager
def running(folder: Path, token: str | None = None) -> Iterator[Running]:
    server = Running(folder, token)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stand-in for three.js: what is in the files does not matter here."""
    (tmp_path / "three.module.js").write_text("export {};")
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path


def test_known_paths_alone(folder: Path) -> None:
    with running(folder) as server:
        status, page, headers = server.get("/")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert b"importmap" in page
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert server.get("/page.js")[0] == 200
        assert server.get("/avatar.glb")[:2] == (200, b"glTF....")
        assert server.get("/three/three.module.js")[:2] == (200, b"export {};")
        for path in (
            "/three/secret.txt",
            "/three/../secret.txt",
            "/../secret.txt",
            "//secret.txt",
            "/three/",
            "/%2e%2e/",
        ):
            status, content, _ = server.get(path)
            assert (status, b"secret" in content) == (404, False), path


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8700", "127.0.0.1.evil.example", "", "[::1", "0.0.0.0"])
def test_another_name_for_this_machine_is_refused(folder: Path, host: str) -> None:
    with running(folder) as server:
        for path in ("/", "/avatar.glb", "/stream"):
            assert server.get(path, Host=host)[0] == 421
        assert server.get("/", Host="localhost:1")[0] == 200
        assert server.get("/", Host="[::1]")[0] == 200


def test_a_page_is_told_the_newest_of_each_face(folder: Path) -> None:
    with running(folder) as server, connect(server.stream) as page:
        assert page.recv(timeout=10) == GREETING
        server.tell(0, "a")
        assert page.recv(timeout=10) == "a"
        server.loop.call_soon_threadsafe(lambda: [server.server.tell(n % 2, f"{n}") for n in range(1000)])
        assert [page.recv(timeout=10), page.recv(timeout=10)] == ["998", "999"]


def test_other_pages_may_not_listen(folder: Path) -> None:
    with running(folder) as server:
        for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
            with pytest.raises(InvalidStatus, match="403"), connect(server.stream, origin=origin):
                pass
        with connect(server.stream, origin=f"http://127.0.0.1:{server.port}") as page:
            assert json.loads(page.recv(timeout=10))["names"][0]
        assert server.get("/stream")[0] == 426


def test_the_token(folder: Path) -> None:
    with running(folder, TOKEN) as server:
        for query in ("", "?token=", "?token=wrong", "?token=" + TOKEN[:-1], "?other=" + TOKEN):
            assert server.get("/avatar.glb" + query, Host="box.lan:8700")[0] == 403
            with pytest.raises(InvalidStatus, match="403"), connect(server.stream + query):
                pass
        assert server.get(f"/avatar.glb?token={TOKEN}", Host="box.lan:8700")[0] == 200
        with connect(f"{server.stream}?token={TOKEN}") as page:
            assert page.recv(timeout=10) == GREETING


def test_a_page_that_talks_is_cut_off_and_others_go_on(folder: Path) -> None:
    with running(folder) as server, connect(server.stream) as good, connect(server.stream) as bad:
        assert good.recv(timeout=10) == bad.recv(timeout=10) == GREETING
        bad.send("x" * 100_000)
        with pytest.raises(ConnectionClosed):
            bad.recv(timeout=10)
        server.tell(0, "still")
        assert good.recv(timeout=10) == "still"


def test_so_many_pages_and_no_more(folder: Path) -> None:
    with running(folder) as server, ExitStack() as pages:
        for _ in range(MAX_VIEWERS):
            pages.enter_context(connect(server.stream)).recv(timeout=10)
        assert server.server.viewers == MAX_VIEWERS
        with pytest.raises(InvalidStatus, match="503"), connect(server.stream):
            pass


def test_a_port_that_is_taken(folder: Path) -> None:
    with running(folder) as server, pytest.raises(WebError, match=rf"cannot serve on 127.0.0.1 port {server.port}"):
        asyncio.run(PageServer(b"", folder).serve("127.0.0.1", server.port))


def test_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "192.168.1.2", "::", "example.org", "")))
