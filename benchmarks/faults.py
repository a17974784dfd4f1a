"""What goes wrong, done on purpose: `python -m benchmarks.faults`. Prints the table of docs/protocol.md.

Real processes, sockets, signals and files. A row is fine where nothing of ours ended that should not, and nothing was
lost that need not be.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgpack
import numpy as np

from avatar_bridge.codec import encode
from avatar_bridge.control_client import ControlClient
from avatar_bridge.control_messages import Done
from avatar_bridge.control_server import ControlServer
from avatar_bridge.fake import FakeFace
from avatar_bridge.messages import FaceFrame
from avatar_bridge.publisher import Publisher
from avatar_bridge.recording import read_take
from avatar_bridge.subscriber import Subscriber
from benchmarks.latency import machine
from benchmarks.stream import resident_mb

_ENDPOINT: Final = "tcp://127.0.0.1:5650"
_PATIENCE_S: Final = 30.0
_RATE_HZ: Final = 240.0


@dataclass(frozen=True)
class Row:
    """One fault."""

    fault: str
    done: str
    happened: str
    fine: bool


def sender_killed() -> Row:
    """Kill a sender, start another at the same port."""
    with rdr("fake", "--endpoint", _ENDPOINT) as first, Subscriber(_ENDPOINT) as stream:
        session = next_frame(stream).session
        first.kill()
        first.wait()
        silent = not heard(stream, 0.5)[1:]
        started = time.monotonic()
        with rdr("fake", "--endpoint", _ENDPOINT):
            again = next_frame(stream)
            seconds = time.monotonic() - started
        stats = stream.stats()
    happened = (
        f"silence, then frames of a new session {seconds:.1f} s after the start of its process; {stats.missed} missed"
    )
    return Row("sender killed", "`kill -9`, started again", happened, silent and again.session != session)


def receiver_killed() -> Row:
    """Kill one of four receivers at 240 Hz."""
    missed = with_receivers(signal.SIGKILL)
    return Row(
        "receiver killed",
        "`kill -9` of one of four, 240 Hz",
        f"the others missed {missed['others']}",
        missed["others"] == 0,
    )


def receiver_frozen() -> Row:
    """Stop one of four receivers for five seconds at 240 Hz."""
    missed = with_receivers(signal.SIGSTOP)
    happened = (
        f"the others missed {missed['others']}; it reads on where its queue ends, {missed['own']} missed; "
        f"the sender grew by {missed['grown_mb']:.1f} MB"
    )
    return Row("receiver frozen", "`SIGSTOP` of one of four for 5 s, 240 Hz", happened, missed["others"] == 0)


def garbage() -> Row:
    """Send a receiver what is no message, between frames that are."""
    import zmq

    random = np.random.default_rng(0)
    bad = [random.bytes(int(n)) for n in random.integers(0, 3000, 5000)]
    bad += [
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 60_000,
        msgpack.packb({"v": 1, "kind": "face_frame"}),
    ]
    good = encode(FakeFace().frame("s", 0, 1, 0.0))
    with raw_sender() as (socket, endpoint), Subscriber(endpoint) as stream:
        socket.recv()
        frames = 0
        for n, payload in enumerate(bad):
            socket.send(payload, zmq.NOBLOCK)
            if n % 100 == 0:
                socket.send(good, zmq.NOBLOCK)
                frames += len(heard(stream, 0.005))
        frames += len(heard(stream, 0.5))
        stats = stream.stats()
    happened = (
        f"{stats.invalid} of {len(bad)} dropped and counted, {frames} of {len(bad) // 100 + 1} frames between them read"
    )
    return Row("garbage on the stream", "random bytes, msgpack bombs", happened, frames == len(bad) // 100 + 1)


def garbage_to_control() -> Row:
    """Ask the control socket what is no question."""
    import zmq

    random = np.random.default_rng(1)
    context: zmq.Context[Any] = zmq.Context()
    answered = 0
    with ControlServer(lambda request: Done(what=request.command), "tcp://127.0.0.1:*") as server:
        for _ in range(2000):
            with context.socket(zmq.REQ) as socket:
                socket.linger = 0
                socket.connect(server.endpoint)
                socket.send(random.bytes(int(random.integers(0, 3000))))
                answered += bool(socket.poll(1000))
        with ControlClient(server.endpoint) as client:
            fine = client.do("neutral") == "neutral"
    context.term()
    return Row(
        "garbage on the control socket",
        "2,000 random requests",
        f"{answered} refused in one line; it works on",
        fine and answered == 2000,
    )


def flood() -> Row:
    """Send as fast as one can for five seconds."""
    frames = [encode(FakeFace().frame("s", n, 1, n / 30)) for n in range(100)]
    import zmq

    with raw_sender() as (socket, endpoint), Subscriber(endpoint, latest_only=True) as stream:
        socket.recv()
        stop, sent = threading.Event(), 0

        def send() -> None:
            nonlocal sent
            while not stop.is_set():
                socket.send(frames[sent % 100], zmq.NOBLOCK)
                sent += 1

        thread = threading.Thread(target=send)
        thread.start()
        heard(stream, 1.0)
        before = resident_mb()
        polls = [len(stream.poll(100)) for _ in timed(5.0)]
        grown = resident_mb() - before
        stop.set()
        thread.join()
        stats = stream.stats()
    happened = (
        f"{sent / 6:,.0f} frames a second sent; read: the newest each time, {len(polls) / 5:.0f} times a second; "
        f"{stats.superseded:,} older ones passed over; memory grew by {grown:.1f} MB"
    )
    return Row("flood", "one sender as fast as it can, 5 s", happened, max(polls) <= 2 and grown < 50)


def clock_jump() -> Row:
    """Set the clock an hour ahead and back under the tracker and the filters."""
    import skimage.data

    from avatar_bridge.capture import CapturedFrame
    from avatar_bridge.pipeline import track_pictures
    from avatar_bridge.smoothing import FaceSmoother
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.tracker import FaceTracker
    from rdr_core.inference.weights import load_predictor

    image = np.ascontiguousarray(skimage.data.astronaut()[:260, 95:355, ::-1])
    hour_ns = 3_600_000_000_000
    times = [10**18 + n * 33_000_000 + (hour_ns if 30 <= n < 60 else 0) for n in range(90)]
    pictures = (CapturedFrame(image, time_ns, n, "clock") for n, time_ns in enumerate(times))
    tracker = FaceTracker(load_predictor("live"), FaceDetector())
    tracked = list(track_pictures(pictures, tracker, FaceSmoother(), "s"))
    lost = sum(not any(face.tracked for face in picture.faces) for picture in tracked)
    ids = {face.face_id for picture in tracked for face in picture.faces}
    moved = max(
        float(np.abs(b.frames[0].alpha_exp - a.frames[0].alpha_exp).max())
        for a, b in pairwise(tracked[29:])
        if a.frames and b.frames
    )
    happened = (
        f"{lost} of 90 pictures without the face, {len(ids)} id(s), no coefficient jumped by more than {moved:.2f}"
    )
    return Row(
        "clock set an hour ahead, then back", "under the tracker and the filters", happened, lost <= 4 and moved < 0.3
    )


def disk_full() -> Row:
    """Leave a tracker no room for its take."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = write_clip(folder / "clip.mp4")

        def limit() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        take = folder / "take.mcap"
        command = cli("track", clip, "--fast", "--no-publish", "--record", take)
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
        tracked = re.match(r"\d+ pictures", done.stdout)
        kept = len(list(read_take(take.with_name("take.mcap.partial")).frames()))
    pictures = tracked[0] if tracked else "no pictures"
    happened = f"one line says so, tracking goes on ({pictures}), exit {done.returncode}; {kept} frames can be read"
    return Row(
        "disk full", "100 kB for a take of 20 s", happened, tracked is not None and kept > 20 and done.returncode == 1
    )


def recorder_killed() -> Row:
    """Kill a recorder in the middle."""
    with tempfile.TemporaryDirectory() as name, Publisher("tcp://127.0.0.1:*") as publisher:
        take = Path(name) / "take.mcap"
        with rdr("record", take, "--endpoint", publisher.endpoint) as recorder:
            while not publisher.subscribers:
                time.sleep(0.02)
            last = 0
            for n in timed(4.0, 1 / 60):
                last = publisher.publish(FakeFace().frame(publisher.session, n, time.time_ns(), n / 60)).capture_time_ns
            recorder.kill()
            recorder.wait()
        partial = take.with_name("take.mcap.partial")
        frames = list(read_take(partial).frames())
        lost_ms = (last - frames[-1].capture_time_ns) / 1e6
        subprocess.run(cli("takes", "--repair", partial), check=True, capture_output=True)
        whole = len(list(read_take(take).frames()))
    happened = f"the last {lost_ms:.0f} ms are lost; `rdr takes --repair` makes the rest, {whole} frames, whole"
    return Row("recorder killed", "`kill -9` while it writes", happened, lost_ms < 1000 and whole == len(frames))


def machine_asleep() -> Row:
    """Stop a tracker for ten seconds, as a laptop that is shut."""
    with tempfile.TemporaryDirectory() as name:
        clip = write_clip(Path(name) / "clip.mp4", repeats=20)
        with rdr("track", clip, "--endpoint", _ENDPOINT) as tracker, Subscriber(_ENDPOINT) as stream:
            before = next_frame(stream)
            heard(stream, 2.0)
            tracker.send_signal(signal.SIGSTOP)
            heard(stream, 10.0)
            tracker.send_signal(signal.SIGCONT)
            started = time.monotonic()
            after = next_frame(stream)
            seconds = time.monotonic() - started
            same = after.session == before.session and after.face_id == before.face_id
            tracker.send_signal(signal.SIGINT)
            ended = tracker.wait(_PATIENCE_S)
    return Row(
        "machine asleep",
        "`SIGSTOP` of the tracker for 10 s",
        f"frames again after {seconds:.2f} s, same session, same face; Ctrl-C ends it with exit {ended}",
        same and ended == 0,
    )


def port_taken() -> Row:
    """Start a second tracker at the same port."""
    with Publisher(_ENDPOINT):
        done = subprocess.run(cli("fake", "--endpoint", _ENDPOINT), capture_output=True, text=True, check=False)
    return Row(
        "port taken",
        "a second sender at the port",
        f"exit {done.returncode}: {done.stderr.strip()}",
        done.returncode == 1,
    )


FAULTS: Final[dict[str, Callable[[], Row]]] = {
    fault.__name__: fault
    for fault in (
        sender_killed, receiver_killed, receiver_frozen, garbage, garbage_to_control, flood, clock_jump, disk_full,
        recorder_killed, machine_asleep, port_taken,
    )
}  # fmt: skip


def with_receivers(what: signal.Signals) -> dict[str, float]:
    """Send to four receivers for ten seconds and do something to the first after two."""
    with Publisher("tcp://127.0.0.1:*") as publisher:
        command = [sys.executable, "-m", "benchmarks.stream", "--receive", publisher.endpoint]
        readers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        while publisher.subscribers < 4:
            time.sleep(0.05)
        time.sleep(1)
        frames = [FakeFace().frame(publisher.session, 0, 0, n / _RATE_HZ) for n in range(240)]
        before = resident_mb()
        for n in timed(10.0, 1 / _RATE_HZ):
            if n == round(2 * _RATE_HZ):
                readers[0].send_signal(what)
            if n == round(7 * _RATE_HZ) and what == signal.SIGSTOP:
                readers[0].send_signal(signal.SIGCONT)
            publisher.publish(replace(frames[n % 240], seq=n, capture_time_ns=time.time_ns()))
        grown = resident_mb() - before
        results = [reader.communicate()[0].splitlines() for reader in readers]
    missed = [json.loads(lines[-1])["missed"] if lines else 0 for lines in results]
    return {"own": missed[0], "others": sum(missed[1:]), "grown_mb": grown}


def cli(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "avatar_bridge.cli", *map(str, arguments)]


@contextmanager
def rdr(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a command of ours; it is killed at the end."""
    process = subprocess.Popen(cli(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def raw_sender() -> Iterator[tuple[Any, str]]:
    """A sender that has no manners."""
    import zmq

    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.XPUB)
    endpoint = f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"
    try:
        yield socket, endpoint
    finally:
        socket.close(linger=0)
        context.term()


def heard(stream: Subscriber, seconds: float) -> list[FaceFrame]:
    """Return the frames that come within so long."""
    return [m for _ in timed(seconds) for m in stream.poll(20) if isinstance(m, FaceFrame)]


def next_frame(stream: Subscriber) -> FaceFrame:
    """Wait for a frame."""
    for _ in timed(_PATIENCE_S):
        for message in stream.poll(100):
            if isinstance(message, FaceFrame):
                return message
    raise TimeoutError("no frame came")


def timed(seconds: float, step_s: float = 0.0) -> Iterator[int]:
    """Count until the time is over, each number when it is due."""
    start = time.monotonic()
    n = 0
    while time.monotonic() - start < seconds:
        yield n
        n += 1
        time.sleep(max(0.0, start + n * step_s - time.monotonic()))


def write_clip(path: Path, repeats: int = 5) -> Path:
    """Write a photograph that moves, four seconds for each repeat."""
    import cv2
    import skimage.data

    from avatar_bridge.video_writer import VideoWriter

    photo = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    with VideoWriter(path, 25.0) as video:
        for n in range(100 * repeats):
            turn = cv2.getRotationMatrix2D((225, 115), 8 * np.sin(n / 8), 1.15)
            turn[:, 2] += np.array([160 - 225, 130 - 115])
            picture = cv2.warpAffine(photo, turn, (320, 288), borderMode=cv2.BORDER_REPLICATE)
            video.write(picture, n * 40_000_000)
    return path


def main() -> None:
    """Parse the command line, do the faults, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(FAULTS), default=list(FAULTS))
    parser.add_argument("--json", type=Path, help="also write the rows here")
    options = parser.parse_args()
    rows = []
    print("| fault | what was done | what happened |\n|---|---|---|")
    for name in options.only:
        row = FAULTS[name]()
        rows.append(row)
        print(f"| {row.fault} | {row.done} | {row.happened}{'' if row.fine else ' **not fine**'} |", flush=True)
    if options.json:
        options.json.write_text(
            json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}, indent=1) + "\n"
        )
    sys.exit(0 if all(row.fine for row in rows) else 1)


if __name__ == "__main__":
    main()
