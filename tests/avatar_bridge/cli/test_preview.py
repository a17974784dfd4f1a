"""Which frames `rdr preview` draws, from a real stream."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar_bridge.capture import VideoSource
from avatar_bridge.cli.preview import PlacedFrame, face_frames, preview, write_picture, write_video
from avatar_bridge.errors import AvatarError, StreamError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.preview.face_row import FaceRow
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


def faces(frames: Iterator[PlacedFrame | None]) -> list[FaceFrame]:
    return [came[1] for came in frames if came is not None]


def placed(frames: Sequence[FaceFrame | None]) -> Iterator[PlacedFrame | None]:
    return iter([None if frame is None else (frame.face_id, frame) for frame in frames])


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


def flat_row(faces: int = 1) -> FaceRow:
    return FaceRow(Flat(), faces)  # type: ignore[arg-type]


def test_the_picture_is_of_a_tracked_face(make_frame: MakeFrame, tmp_path: Path) -> None:
    out = tmp_path / "a.b.png"
    alpha_exp = np.full(46, 0.4)
    frames = [None, make_frame(0, tracked=False), None, make_frame(1, alpha_exp=alpha_exp), make_frame(2)]
    write_picture(flat_row(), 1, placed(frames), out)
    assert cv2.imread(str(out))[0, 0].tolist() == [102, 102, 102]
    assert list(tmp_path.iterdir()) == [out]
    out.unlink()
    with pytest.raises(StreamError, match="before a face was tracked"):
        write_picture(flat_row(), 1, placed(frames[:3]), out)
    assert not list(tmp_path.iterdir())


def test_the_video_keeps_time_and_order(
    stream: tuple[Publisher, Subscriber], make_frame: MakeFrame, tmp_path: Path
) -> None:
    out = tmp_path / "avatar.mp4"
    seqs = [0, 1, 2, 2, 1, 6]  # one came twice, one late, three are missing
    write_video(stream[1], flat_row(), placed([make_frame(n) for n in seqs] + [None]), out, None)
    times = [frame.capture_time_ns / 1e6 for frame in VideoSource(out, base_time_ns=0)]
    assert times == pytest.approx([0, 40, 80, 240], abs=0.1)


def test_two_faces_of_a_picture_are_beside_each_other(
    stream: tuple[Publisher, Subscriber], make_frame: MakeFrame, tmp_path: Path
) -> None:
    """One frame of the video for both; who is not in a picture stays as they were."""

    def face(seq: int, face_id: int, picture: int, level: float) -> FaceFrame:
        time_ns = 1_700_000_000_000_000_000 + 40_000_000 * picture
        return make_frame(seq, face_id=face_id, capture_time_ns=time_ns, alpha_exp=np.full(46, level))

    shown = [face(0, 0, 0, 0.2), face(1, 1, 0, 0.8), face(2, 1, 1, 0.4), face(3, 0, 2, 1.0), face(4, 1, 2, 0.0)]
    write_video(stream[1], flat_row(2), placed(shown), out := tmp_path / "two.mkv", None)
    pictures = [frame.image_bgr for frame in VideoSource(out)]
    assert [picture.shape for picture in pictures] == 3 * [(32, 64, 3)]
    levels = [(picture[16, 16].mean() / 255, picture[16, 48].mean() / 255) for picture in pictures]
    assert np.array(levels) == pytest.approx(np.array([(0.2, 0.8), (0.2, 0.4), (1.0, 0.0)]), abs=0.03)
    write_picture(flat_row(2), 2, placed(shown), tmp_path / "two.png")
    picture = cv2.imread(str(tmp_path / "two.png"))
    assert (picture[0, 0, 0], picture[0, 63, 0]) == (51, 204)


def test_several_faces_each_at_its_place(stream: tuple[Publisher, Subscriber], make_frame: MakeFrame) -> None:
    publisher, subscriber = stream
    for seq in range(9):
        publisher.publish(make_frame(seq, face_id=5 + seq % 3))
    got = [came for came in face_frames(subscriber, None, PATIENCE_S, 0.3, None, 2) if came is not None]
    assert [(place, frame.face_id) for place, frame in got] == 3 * [(0, 5), (1, 6)]


@pytest.mark.parametrize("options", [{"faces": 0}, {"faces": 100}, {"faces": 2, "face": 1}])
def test_how_many_faces(options: dict[str, int]) -> None:
    with pytest.raises(AvatarError, match="--faces must be 1 to"):
        preview(**options)


def test_interrupted_videos_are_finished(
    stream: tuple[Publisher, Subscriber], make_frame: MakeFrame, tmp_path: Path
) -> None:
    def frames() -> Iterator[PlacedFrame | None]:
        yield from ((0, make_frame(n)) for n in range(3))
        raise KeyboardInterrupt

    out = tmp_path / "avatar.mp4"
    write_video(stream[1], flat_row(), frames(), out, None)
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
