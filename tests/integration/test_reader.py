"""The receiver in docs/ that shares no code with us reads a real publisher, and survives what it cannot read."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

import msgpack
import zmq

from avatar_bridge.codec import encode
from avatar_bridge.fake import FakeFace
from avatar_bridge.messages import Hello
from avatar_bridge.publisher import Publisher
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

READER = Path(__file__).parents[2] / "docs" / "reader.py"
LINE = re.compile(r"face (\d+): (\w+) (\d\.\d\d), .*; (-?[\d.]+) ms late, (\d+) lost")


def start(endpoint: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, str(READER), endpoint], stdout=subprocess.PIPE, text=True)


def test_it_is_short() -> None:
    assert len(READER.read_text(encoding="utf-8").splitlines()) <= 60


def test_it_reads_the_stream() -> None:
    face = FakeFace(sweep=True)
    with Publisher("tcp://127.0.0.1:*") as publisher, start(publisher.endpoint) as reader:
        assert reader.stdout is not None
        while not publisher.subscribers:
            assert reader.poll() is None
        frames = (face.frame(publisher.session, seq, 0, shape + 0.5) for seq, shape in enumerate((21, 27, 0)))
        for frame in frames:
            publisher.publish(frame)
        lines = [reader.stdout.readline() for _ in range(3)]
        reader.kill()
    matches = [LINE.match(line) for line in lines]
    assert [match and match.group(2, 3, 5) for match in matches] == [
        (BLENDSHAPE_NAMES[shape], "1.00", "0") for shape in (21, 27, 0)
    ]


def test_garbage_does_not_stop_it() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.XPUB)
    endpoint = f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"
    good = encode(FakeFace().frame("s", 5, 0, 0.0))
    wire = msgpack.unpackb(good)
    bad = [
        b"",
        b"\xc1",
        bytes(70_000),
        msgpack.packb([1]),
        msgpack.packb({"v": 1}),
        msgpack.packb({"v": 1, "kind": []}),
    ]
    bad += [msgpack.packb({"v": 1, "kind": "hello", "blendshape_names": [1]})]
    changes = [{"v": 2}, {"alpha_exp": [0.5]}, {"alpha_exp": [float("nan")] * 46}, {"seq": "7"}, {"session": None}]
    bad += [msgpack.packb(wire | change) for change in changes]
    with start(endpoint) as reader:
        killer = threading.Timer(60, reader.kill)
        killer.start()
        socket.recv()
        socket.send(encode(Hello(session="s")))
        for payload in bad:
            socket.send(payload)
        socket.send(encode(FakeFace().frame("s", 9, 0, 0.0)))
        socket.send(good)
        assert reader.stdout is not None
        lines = [reader.stdout.readline() for _ in range(2)]
        killer.cancel()
        reader.kill()
    socket.close(linger=0)
    context.term()
    assert all(LINE.match(line) for line in lines), lines
