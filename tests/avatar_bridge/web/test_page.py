"""The page in a real browser, driven by a real stream through the real command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avatar_bridge.fake import FakeFace
from avatar_bridge.messages import FaceFrame
from avatar_bridge.publisher import Publisher
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.geometry.rotation import quaternion_from_euler

from .browser import open_page

SEEN = "(window.rdr ? [...rdr.avatars.values()].filter(a => a.newest).length : 0)"
WEIGHTS = """(() => { const read = {};
  rdr.avatars.get(0).root.traverse(node => { for (const [name, k] of Object.entries(node.morphTargetDictionary ?? {}))
    read[name] = node.morphTargetInfluences[k]; });
  return read; })()"""
SETTLED_S = 0.5


class Sender:
    """Publishes the same faces again and again, as a tracker would, until others are set."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher, self._faces, self._seq = publisher, list[FaceFrame](), 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def show(self, *alphas: dict[str, float], euler: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> None:
        turn, faces = np.array(euler), []
        for number, alpha in enumerate(alphas):
            values = np.zeros(46, np.float32)
            for name, value in alpha.items():
                values[BLENDSHAPE_NAMES.index(name)] = value
            pose = {"euler_rad": turn.astype(np.float32), "quaternion": quaternion_from_euler(turn)}
            frame = FakeFace(number).frame(self.publisher.session, 0, 0, 0.0)
            faces.append(replace(frame, alpha_exp=values, **pose))
        self._faces = faces

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            for frame in self._faces:
                self._seq += 1
                self.publisher.publish(replace(frame, seq=self._seq, capture_time_ns=time.time_ns()))

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def sender() -> Iterator[Sender]:
    with Publisher("tcp://127.0.0.1:*") as publisher:
        made = Sender(publisher)
        yield made
        made.close()


@contextmanager
def rdr_web(endpoint: str, port: str = "0") -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The command, and the address that it prints; Ctrl-C at the end."""
    command = [sys.executable, "-m", "avatar_bridge.cli", "web", "--endpoint", endpoint, "--port", port]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1], process
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
        assert (process.returncode, rest.splitlines()[-1]) == (0, "stopped")


@pytest.mark.usefixtures("three")
def test_the_avatar_does_what_the_stream_says(browser: str, sender: Sender, tmp_path: Path) -> None:
    sent = {"MouthSmile_L": 0.25, "BrowInnerUp": 0.5}
    sender.show(sent)
    with rdr_web(sender.publisher.endpoint) as (address, _), open_page(browser, address, tmp_path) as page:
        page.wait_for(SEEN)
        page.wait_for(f"Math.abs({WEIGHTS}.BrowInnerUp - 0.5) < 1e-3")
        weights = page.evaluate(WEIGHTS)
        assert set(weights) == set(BLENDSHAPE_NAMES)
        assert {name: round(value, 3) for name, value in weights.items() if value} == sent
        sender.show({})
        page.wait_for(f"{WEIGHTS}.BrowInnerUp === 0")
        time.sleep(SETTLED_S)
        calm = page.screenshot()
        assert (calm[:20, :20, 3] == 0).all(), "nothing behind the head"
        assert (calm[200:280, 200:280, 3] == 255).all(), "the face is there"
        assert 40 < calm[200:280, 200:280, :3].mean() < 220
        sender.show({"JawOpen": 1.0})
        page.wait_for(f"{WEIGHTS}.JawOpen === 1")
        time.sleep(SETTLED_S)
        changed = np.abs(page.screenshot().astype(int) - calm).sum(axis=2) > 60
        assert 0.005 < changed.mean() < 0.2
        assert changed[260:].sum() > 0.8 * changed.sum(), "most of it in the lower face"
        sender.show({}, euler=(0.0, 0.6, 0.0))
        page.wait_for("Math.abs(rdr.avatars.get(0).newest.head[1] - Math.sin(0.3)) < 1e-3")
        turned = page.evaluate("rdr.avatars.get(0).root.getObjectByName('Head').quaternion.toArray()")
        assert turned == pytest.approx([0, np.sin(0.3), 0, np.cos(0.3)], abs=1e-3)


@pytest.mark.usefixtures("three")
def test_two_faces_stand_side_by_side(browser: str, sender: Sender, tmp_path: Path) -> None:
    sender.show({}, {"JawOpen": 1.0})
    with rdr_web(sender.publisher.endpoint) as (address, _), open_page(browser, address, tmp_path, (640, 320)) as page:
        page.wait_for(f"{SEEN} === 2")
        places = page.evaluate("[...rdr.avatars.values()].map(a => a.root.position.x)")
        assert places[1] - places[0] > 0.2
        time.sleep(SETTLED_S)
        columns = (page.screenshot()[..., 3] > 0).any(axis=0)
        assert columns[:320].mean() > 0.4
        assert columns[320:].mean() > 0.4
        sender.show({})
        page.wait_for("rdr.avatars.size === 1")


@pytest.mark.usefixtures("three")
def test_a_server_that_comes_back(browser: str, sender: Sender, tmp_path: Path) -> None:
    sender.show({"JawOpen": 0.5})
    with rdr_web(sender.publisher.endpoint) as (address, process):
        port = address.rstrip("/").rpartition(":")[2]
        with open_page(browser, address, tmp_path) as page:
            page.wait_for(SEEN)
            process.send_signal(signal.SIGINT)
            process.wait(20)
            page.wait_for("document.body.innerText.includes('waiting for rdr web')")
            sender.show({"JawOpen": 0.75})
            with rdr_web(sender.publisher.endpoint, port):
                page.wait_for(f"Math.abs({WEIGHTS}.JawOpen - 0.75) < 1e-3")
