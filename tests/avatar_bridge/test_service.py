"""The tracker as a service, with the shipped network, real sockets and a camera that can be pulled out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from avatar_bridge.capture import CapturedFrame, FrameSource, open_source
from avatar_bridge.capture.lasting import LastingSource
from avatar_bridge.config import SmoothingConfig
from avatar_bridge.control_client import ControlClient
from avatar_bridge.control_messages import Status
from avatar_bridge.control_server import ControlServer
from avatar_bridge.errors import CameraError, ControlError
from avatar_bridge.messages import FaceFrame, Hello
from avatar_bridge.neutral import MAX_OFFSET
from avatar_bridge.pipeline import Pipeline, TrackedPicture, paced
from avatar_bridge.publisher import Publisher
from avatar_bridge.recording import read_take
from avatar_bridge.recording.facts import TakeFacts
from avatar_bridge.recording.run_takes import RunTakes
from avatar_bridge.service import TrackService
from avatar_bridge.smoothing import FaceSmoother
from avatar_bridge.subscriber import Subscriber
from rdr_core.inference.detector import FaceDetector
from rdr_core.inference.tracker import FaceTracker
from rdr_core.inference.weights import load_predictor

ANY_PORT = "tcp://127.0.0.1:*"
PATIENCE_S = 60.0
FACE = np.ascontiguousarray(skimage.data.astronaut()[:260, 95:355, ::-1])


class Webcam(FrameSource):
    """A face, 50 times a second, for as long as it is plugged in."""

    name, size_px, rate_hz, frame_count, is_live = "camera 7", (260, 260), 50.0, None, True

    def __init__(self, plug: threading.Event) -> None:
        if not plug.is_set():
            raise CameraError("no camera 7")
        self._plug, self._open = plug, True

    def __iter__(self) -> Iterator[CapturedFrame]:
        index = 0
        while self._open:
            time.sleep(0.02)
            if not self._plug.is_set():
                raise CameraError("camera 7 stopped giving pictures: was it unplugged?")
            yield CapturedFrame(FACE, time.time_ns(), index, self.name)
            index += 1

    def close(self) -> None:
        self._open = False


class Running:
    """A service in a thread of its own, who asks it and who listens."""

    def __init__(self, folder: Path, source: FrameSource, stack: ExitStack, share_picture: bool = False) -> None:
        self.said: list[str] = []
        self.pictures: list[TrackedPicture | None] = []
        publisher = stack.enter_context(Publisher(ANY_PORT))
        pipeline = Pipeline(
            FaceTracker(load_predictor("live"), FaceDetector()),
            FaceSmoother(SmoothingConfig.of("off")),
            publisher.session,
        )
        takes = stack.enter_context(
            RunTakes(folder, publisher.session, source.name, TakeFacts(smoothing="off"), self.said.append)
        )
        self.service = TrackService(source, pipeline, takes, publisher.hello, publisher, share_picture)
        server = stack.enter_context(ControlServer(self.service.answer, ANY_PORT))
        self.client = stack.enter_context(ControlClient(server.endpoint, timeout_s=PATIENCE_S))
        self.listener = stack.enter_context(Subscriber(publisher.endpoint))
        arrivals = source.frames() if isinstance(source, LastingSource) else paced(source)
        self.thread = threading.Thread(target=lambda: self.pictures.extend(self.service.run(arrivals)), daemon=True)
        self.thread.start()
        stack.callback(self.thread.join, PATIENCE_S)
        stack.callback(self.service.quit)

    def until(self, holds: Callable[[Status], bool]) -> Status:
        """Ask for the status until it is as expected."""
        end = time.monotonic() + PATIENCE_S
        while not holds(status := self.client.status()):
            assert time.monotonic() < end, status
            time.sleep(0.05)
        return status

    def heard(self) -> list[FaceFrame]:
        return [message for message in self.listener.poll(200) if isinstance(message, FaceFrame)]


@pytest.fixture
def plug() -> threading.Event:
    """Return what a test pulls: clear() unplugs the camera, set() plugs it in."""
    event = threading.Event()
    event.set()
    return event


@pytest.fixture
def run(tmp_path: Path, plug: threading.Event) -> Iterator[Running]:
    with ExitStack() as stack:
        source = stack.enter_context(LastingSource(lambda: Webcam(plug), first_wait_s=0.05))
        yield Running(tmp_path / "takes", source, stack)


def test_the_picture_is_shown_to_nobody_unless_it_is_shared(run: Running) -> None:
    run.until(lambda status: status.pictures > 0)
    with pytest.raises(ControlError, match="not shared: start the tracker with rdr track --share-picture"):
        run.client.picture()


def test_a_picture_that_is_shared(tmp_path: Path, plug: threading.Event) -> None:
    with ExitStack() as stack:
        source = stack.enter_context(LastingSource(lambda: Webcam(plug), first_wait_s=0.05))
        run = Running(tmp_path / "takes", source, stack, share_picture=True)
        run.until(lambda status: status.pictures > 0)
        picture = run.client.picture()
        image = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == FACE.shape
        assert np.abs(image.astype(int) - FACE).mean() < 6
        assert 0 <= time.time_ns() - picture.capture_time_ns < 10e9


def test_it_tells_how_it_is_and_ends_when_asked(run: Running) -> None:
    status = run.until(lambda status: status.faces == 1 and status.fps > 0)
    assert (status.state, status.source, status.trouble, status.take) == ("tracking", "camera 7", None, None)
    assert status.pictures > 0
    assert 0 < status.ms_per_picture_p50 <= status.ms_per_picture_p95
    assert status.session == run.client.hello().session
    assert abs(run.client.clock_offset().offset_ns) < 50_000_000
    assert run.client.do("quit", None, 1.0) == "the tracker ends"
    run.thread.join(PATIENCE_S)
    assert not run.thread.is_alive()


def test_takes_begin_and_end_by_name(run: Running, tmp_path: Path) -> None:
    run.until(lambda status: status.faces == 1)
    assert run.client.do("record", "smile-1", 1.0) == f"recording {tmp_path / 'takes' / 'smile-1.mcap'}"
    with pytest.raises(ControlError, match="smile-1 is being recorded: stop it first"):
        run.client.do("record", "smile-2", 1.0)
    messages = run.until(lambda status: status.take_messages > 10).take_messages
    wrote = run.client.do("stop_recording", None, 1.0)
    take = read_take(tmp_path / "takes" / "smile-1.mcap")
    kept, raw = list(take.frames()), list(take.frames("raw"))
    assert [frame.seq for frame in kept] == [frame.seq for frame in raw] == list(range(kept[0].seq, kept[-1].seq + 1))
    assert wrote.endswith(f"{len(kept) + len(raw)} messages")
    assert len(kept) + len(raw) >= messages
    with pytest.raises(ControlError, match="no take is being recorded"):
        run.client.do("stop_recording", None, 1.0)
    with pytest.raises(ControlError, match="is there already"):
        run.client.do("record", "smile-1", 1.0)
    assert run.client.status().take is None
    run.client.do("record", None, 1.0)  # named after the time
    assert (run.client.status().take or "").startswith("take-20")
    run.client.do("quit", None, 1.0)
    run.thread.join(PATIENCE_S)


def test_the_face_at_rest_is_taken_out(run: Running) -> None:
    run.until(lambda status: status.faces == 1)
    before = run.heard() or run.heard()
    run.client.do("neutral", None, 0.2)
    run.until(lambda status: status.neutral)
    run.heard()
    after = run.heard() or run.heard()
    smiles = before[-1].alpha_exp  # that is her face at rest now
    smile = np.where(smiles < MAX_OFFSET - 0.05, smiles, 0).argmax()
    assert smiles[smile] > 0.2
    assert after[-1].alpha_exp[smile] < 0.3 * smiles[smile]
    run.client.do("clear_neutral", None, 1.0)
    assert not run.client.status().neutral
    run.heard()
    assert (run.heard() or run.heard())[-1].alpha_exp[smile] == pytest.approx(smiles[smile], abs=0.15)


def test_a_camera_that_is_unplugged_is_waited_for(run: Running, plug: threading.Event) -> None:
    run.until(lambda status: status.faces == 1)
    plug.clear()
    status = run.until(lambda status: status.state == "waiting" and status.faces == 0)
    assert status.trouble in {"no camera 7", "camera 7 stopped giving pictures: was it unplugged?"}
    with pytest.raises(ControlError, match="no face is seen"):
        run.client.do("neutral", None, 1.0)
    heard = run.heard()
    while more := run.heard():
        heard += more
    assert not heard[-1].tracked  # the last word on the face
    assert all(frame.tracked for frame in heard[:-1])
    plug.set()
    assert run.until(lambda status: status.state == "tracking" and status.faces == 1).trouble is None
    again = run.heard() or run.heard()
    assert again[-1].tracked
    assert again[0].seq == heard[-1].seq + 1  # none was lost, none numbered twice
    assert again[-1].session == heard[-1].session


def test_stop_lets_go_of_the_camera_and_start_goes_on(run: Running) -> None:
    run.until(lambda status: status.faces == 1)
    assert "is free for other programs" in run.client.do("stop", None, 1.0)
    stopped = run.until(lambda status: status.state == "stopped" and status.faces == 0)
    time.sleep(0.3)
    assert run.client.status().pictures == stopped.pictures
    run.client.do("start", None, 1.0)
    run.until(lambda status: status.state == "tracking" and status.pictures > stopped.pictures and status.faces == 1)


@contextmanager
def running_file(folder: Path) -> Iterator[Running]:
    import cv2

    (folder / "pictures").mkdir()
    for n in range(60):
        cv2.imwrite(str(folder / "pictures" / f"{n:02}.png"), FACE)
    with ExitStack() as stack:
        yield Running(folder, stack.enter_context(open_source(folder / "pictures", lasting=True)), stack)


def test_a_file_is_tracked_to_its_end(tmp_path: Path) -> None:
    with running_file(tmp_path) as run:
        run.until(lambda status: status.pictures > 0)
        for command in ("stop", "start"):
            with pytest.raises(ControlError, match="is a file, which is tracked to its end"):
                run.client.do(command, None, 1.0)
        run.thread.join(PATIENCE_S)
        assert len(run.pictures) == 60


def test_a_run_that_publishes_nothing(tmp_path: Path) -> None:
    with running_file(tmp_path) as other:
        other.service.quit()
    source = open_source(tmp_path / "pictures")
    pipeline = Pipeline(FaceTracker(load_predictor("live"), FaceDetector()), FaceSmoother(), "file")
    with RunTakes(tmp_path, "file", source.name, TakeFacts(), print) as takes:
        takes.start(tmp_path / "take.mcap")
        service = TrackService(source, pipeline, takes, Hello(session="file"))
        assert len(list(service.run(iter(source)))) == 60
        assert service.status().subscribers == 0
    assert takes.written == [tmp_path / "take.mcap"]
    assert len(list(read_take(tmp_path / "take.mcap"))) == 60
