"""Which frames `rdr preview` draws, from a real stream."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar_bridge.capture import VideoSource
from avatar_bridge.cli.preview import face_frames, preview, write_picture, write_video
from avatar_bridge.errors import AvatarError, StreamError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.publisher import Publisher
from avatar_bridge.subscriber import Subscriber

MakeFrame = Callable[..., FaceFrame]
PATIENCE_S = 30.0


@pytest.fixture
def stream() -> Iterator[tuple[Publisher, Subscriber]]:
    with Publisher("tcp://127.0.0.1:*") as publisher, Subscriber(publisher.endpoint) as subscriber:
        deadline = time.monotonic() + PATIENCE_S
        while subscriber.hello is None:
            assert time.monotonic() < deadline
            subscriber.poll(50)
        yield publisher, subscriber


def faces(frames: Iterator[FaceFrame | None]) -> list[FaceFrame]:
    return [frame for frame in frames if frame is not None]


def test_the_first_face_is_followed(stream: tuple[Publisher, Subscriber], make_frame: MakeFrame) -> None:
    publisher, subscriber = stream
    for seq in range(10):
        publisher.publish(make_frame(seq, face_id=3 + seq % 2))
    got = faces(face_frames(subscriber, None, PATIENCE_S, 0.3, None))
    assert 3 in {frame.face_id for frame in got}
    assert [frame.seq for frame in got if frame.face_id == 3] == [0, 2, 4, 6, 8]


def test_one_who_comes_back_is_shown_again(stream: tuple[Publisher, Subscriber], make_frame: MakeFrame) -> None:
    publisher, subscriber = stream
    for seq in range(200):
        publisher.publish(make_frame(seq, face_id=0 if seq < 100 else 1, tracked=not 100 <= seq < 160))
    got = faces(face_frames(subscriber, None, PATIENCE_S, 0.3, None))
    assert [frame.seq for frame in got] == [*range(100), *range(160, 200)]


def test_one_face_may_be_chosen(stream: tuple[Publisher, Subscriber], make_frame: MakeFrame) -> None:
    publisher, subscriber = stream
    for seq in range(10):
        publisher.publish(make_frame(seq, face_id=seq % 2))
    got = faces(face_frames(subscriber, 1, PATIENCE_S, 0.3, None))
    assert [frame.seq for frame in got] == [1, 3, 5, 7, 9]
    with pytest.raises(StreamError, match="no face on"):
        list(face_frames(subscriber, 7, 0.1, 0.1, None))


def test_it_ends_after_some_seconds(stream: tuple[Publisher, Subscriber], make_frame: MakeFrame) -> None:
    publisher, subscriber = stream
    stop = threading.Event()

    def send() -> None:
        seq = 0
        while not stop.wait(0.01):
            publisher.publish(make_frame(seq := seq + 1))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        assert faces(face_frames(subscriber, None, PATIENCE_S, PATIENCE_S, 0.3))
    finally:
        stop.set()
        sender.join()


class Flat:
    """Draws a plain picture as bright as the jaw is open: the renderer has its own tests."""

    def render(self, alpha_exp: np.ndarray, euler_rad: np.ndarray) -> np.ndarray:
        return np.full((32, 32, 3), round(255 * float(alpha_exp[0])), np.uint8)


def test_the_picture_is_of_a_tracked_face(make_frame: MakeFrame, tmp_path: Path) -> None:
    out = tmp_path / "a.b.png"
    alpha_exp = np.full(46, 0.4)
    frames = [None, make_frame(0, tracked=False), None, make_frame(1, alpha_exp=alpha_exp), make_frame(2)]
    write_picture(Flat(), iter(frames), out)  # type: ignore[arg-type]
    assert cv2.imread(str(out))[0, 0].tolist() == [102, 102, 102]
    assert list(tmp_path.iterdir()) == [out]
    out.unlink()
    with pytest.raises(StreamError, match="before a face was tracked"):
        write_picture(Flat(), iter(frames[:3]), out)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_the_video_keeps_time_and_order(
    stream: tuple[Publisher, Subscriber], make_frame: MakeFrame, tmp_path: Path
) -> None:
    out = tmp_path / "avatar.mp4"
    seqs = [0, 1, 2, 2, 1, 6]  # one came twice, one late, three are missing
    write_video(stream[1], Flat(), iter([make_frame(n) for n in seqs] + [None]), out, None)  # type: ignore[arg-type]
    times = [frame.capture_time_ns / 1e6 for frame in VideoSource(out, base_time_ns=0)]
    assert times == pytest.approx([0, 40, 80, 240], abs=0.1)


def test_interrupted_videos_are_finished(
    stream: tuple[Publisher, Subscriber], make_frame: MakeFrame, tmp_path: Path
) -> None:
    def frames() -> Iterator[FaceFrame | None]:
        yield from (make_frame(n) for n in range(3))
        raise KeyboardInterrupt

    out = tmp_path / "avatar.mp4"
    write_video(stream[1], Flat(), frames(), out, None)  # type: ignore[arg-type]
    assert len(list(islice(VideoSource(out), 10))) == 3


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match=r"must end in \.mp4, \.mov, \.mkv, \.webp or \.png, got a\.gif"):
        preview(out=tmp_path / "new" / "a.gif")
    assert not list(tmp_path.iterdir())


def test_an_avatar_is_of_a_file_or_of_a_user(tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match="give one of them"):
        preview(avatar=tmp_path / "a.glb", user="anna")
    with pytest.raises(AvatarError, match="cannot open the avatar"):
        preview(avatar=tmp_path / "a.glb")
