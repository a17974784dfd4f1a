from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from avatar_bridge.capture import CapturedFrame, VideoSource
from avatar_bridge.errors import VideoError
from avatar_bridge.video_writer import VideoWriter


def one_line(error: pytest.ExceptionInfo[VideoError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_frame_with_its_time(video: Path) -> None:
    with VideoSource(video, base_time_ns=7_000_000_000) as source:
        assert (source.size_px, source.rate_hz, source.frame_count) == ((96, 64), 25.0, 60)
        assert not source.is_live
        frames = list(source)
    assert [f.index for f in frames] == list(range(60))
    assert [f.capture_time_ns for f in frames] == [7_000_000_000 + i * 40_000_000 for i in range(60)]
    assert {f.name for f in frames} == {"counting.mp4"}
    for i, frame in enumerate(frames):
        assert frame.image_bgr.dtype == np.uint8
        assert abs(frame.image_bgr[24:40, 24:72].mean() - 4 * i) < 5


def test_may_be_iterated_again_and_left_early(video: Path) -> None:
    source = VideoSource(video)
    first = next(iter(source))
    again = next(iter(source))
    assert first.capture_time_ns == again.capture_time_ns
    np.testing.assert_array_equal(first.image_bgr, again.image_bgr)


@pytest.mark.parametrize(
    ("matrix", "corner"),
    [
        ((0, 1, -1, 0), "top right"),  # a quarter clockwise, as phones held upright write
        ((-1, 0, 0, -1), "bottom right"),
        ((0, -1, 1, 0), "bottom left"),
    ],
)
def test_rotation_of_the_file_is_undone(tmp_path: Path, matrix: tuple[int, int, int, int], corner: str) -> None:
    path = tmp_path / "phone.mp4"
    image = np.zeros((64, 96, 3), np.uint8)
    image[:32, :32] = 255  # top left
    with VideoWriter(path) as writer:
        writer.write(image, 0)
        writer.write(image, 40_000_000)
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40  # the track header's display matrix
    a, b, c, d = (part << 16 for part in matrix)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)

    source = VideoSource(path)
    upright = next(iter(source)).image_bgr
    assert source.size_px == ((96, 64) if corner == "bottom right" else (64, 96))
    assert upright.shape[:2] == source.size_px[::-1]
    vertical, horizontal = corner.split()
    bright = upright[:16] if vertical == "top" else upright[-16:]
    bright = bright[:, :16] if horizontal == "left" else bright[:, -16:]
    assert bright.mean() > 200
    assert upright.mean() < 80


def test_truncated_file_says_how_far_it_went(tmp_path: Path, video: Path) -> None:
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    with av.open(str(video)) as source, av.open(str(whole), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    frames: list[CapturedFrame] = []
    with pytest.raises(VideoError, match=r"cut off after \d+ of 60 frames") as caught:
        frames.extend(VideoSource(cut))
    assert 5 < len(frames) < 60
    assert f"after {len(frames)} of" in one_line(caught)


def test_unreadable_files_are_one_line(tmp_path: Path, video: Path) -> None:
    tailless = tmp_path / "tailless.mp4"  # the index of an mp4 is at its end
    tailless.write_bytes(video.read_bytes()[:-2000])
    garbage = tmp_path / "garbage.mp4"
    garbage.write_bytes(bytes(range(256)) * 20)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    for path in (tailless, garbage, empty):
        with pytest.raises(VideoError, match=r"cannot read the video .*\.mp4") as caught:
            VideoSource(path)
        one_line(caught)
    with pytest.raises(VideoError, match="no such video"):
        VideoSource(tmp_path / "missing.mp4")


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(VideoError, match="holds no video"):
        VideoSource(path)


def test_real_videos(rdr_data: Path) -> None:
    source = VideoSource(rdr_data / "videos" / "grid" / "bbaf2n.mpg", base_time_ns=0)
    frames = list(source)
    assert (source.size_px, source.rate_hz, len(frames)) == ((360, 288), 25.0, 75)
    assert source.frame_count == pytest.approx(75, abs=2)
    assert {b.capture_time_ns - a.capture_time_ns for a, b in pairwise(frames)} == {40_000_000}
