from __future__ import annotations

import struct
from fractions import Fraction
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


def write_uneven(path: Path, times_ms: list[int], codec: str = "libx264") -> Path:
    """Write a video of grey pictures, 20 x the frame number, each shown at its own time."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for i, time_ms in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 20 * i, np.uint8), format="bgr24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


UNEVEN_MS = [0, 33, 40, 140, 141, 181, 500, 517, 533, 2000, 2001, 2040]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts"])
def test_frames_of_a_variable_rate_have_their_own_times(tmp_path: Path, suffix: str) -> None:
    frames = list(VideoSource(write_uneven(tmp_path / f"phone{suffix}", UNEVEN_MS), base_time_ns=5))
    assert [frame.source_time_ns for frame in frames] == [frame.capture_time_ns - 5 for frame in frames]
    times_ms = [(frame.source_time_ns or 0) / 1e6 for frame in frames]
    assert times_ms == pytest.approx(UNEVEN_MS, abs=0.02)  # .ts counts in 1/90 ms
    greys = [float(frame.image_bgr.mean()) for frame in frames]
    assert greys == pytest.approx([20 * i for i in range(len(UNEVEN_MS))], abs=9)  # in their order, none twice


@pytest.mark.parametrize("said", [0, 7, 100_000])
def test_a_container_that_lies_about_its_frames_changes_nothing(tmp_path: Path, said: int) -> None:
    path = tmp_path / "liar.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for i in range(30):
            picture = np.full((64, 96, 3), 4 * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    data = bytearray(path.read_bytes())
    length = data.index(b"strh") + 8 + 32  # dwLength of the stream's header
    assert struct.unpack_from("<I", data, length) == (30,)
    struct.pack_into("<I", data, length, said)
    struct.pack_into("<I", data, data.index(b"avih") + 8 + 16, said)  # dwTotalFrames
    path.write_bytes(data)
    source = VideoSource(path, base_time_ns=0)
    frames = list(source)
    assert source.frame_count != 30 or said == 0
    assert [frame.capture_time_ns for frame in frames] == [i * 40_000_000 for i in range(30)]
    assert [round(float(frame.image_bgr.mean()) / 4) for frame in frames] == list(range(30))


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
