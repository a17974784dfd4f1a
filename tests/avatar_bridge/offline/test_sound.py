"""Sound beside takes: what is heard together with a picture has the time of that picture."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from avatar_bridge.capture import VideoSource
from avatar_bridge.errors import VideoError
from avatar_bridge.offline.sound import extract_sound

FLASH_S = 0.8
TIMES_MS = list(range(0, 2000, 40))


def samples_of(path: Path) -> tuple[np.ndarray, int]:
    """Return (n, channels) samples and their rate."""
    with wave.open(str(path)) as file:
        assert file.getsampwidth() == 2
        data = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return data.reshape(-1, file.getnchannels()), file.getframerate()


def tone_s(path: Path) -> float:
    samples, rate_hz = samples_of(path)
    return float(np.argmax(np.abs(samples[:, 0]) > 12_000)) / rate_hz


def flash_s(path: Path) -> float:
    frames = list(VideoSource(path, base_time_ns=0))
    return max(frames, key=lambda frame: float(frame.image_bgr.mean())).capture_time_ns / 1e9


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "aac"), ("a.mov", "pcm_s16le"), ("a.mkv", "flac"), ("a.avi", "pcm_s16le"), ("a.ts", "aac")]
    + [("a.mpg", "mp2"), ("a.mkv", "libopus")],
)
def test_tone_and_flash_have_one_time(
    tmp_path: Path, write_video: Any, flash_pictures: list[np.ndarray], name: str, codec: str
) -> None:
    video = write_video(tmp_path / name, TIMES_MS, flash_pictures, codec)
    length_s = extract_sound(video, tmp_path / "a.wav")
    samples, rate_hz = samples_of(tmp_path / "a.wav")
    assert (samples.shape[1], rate_hz) == (2, 48_000)
    assert length_s == len(samples) / rate_hz
    assert length_s == pytest.approx(1.96, abs=0.06)  # codecs fill their last block
    assert abs(tone_s(tmp_path / "a.wav") - flash_s(video)) < 0.004
    assert flash_s(video) == pytest.approx(FLASH_S, abs=0.05)


def write_pieces(path: Path, pieces_s: list[tuple[float, float]], picture_start_s: float = 0.0) -> Path:
    """Write a video whose sound is there in (start, end) only, loud throughout."""
    with av.open(str(path), "w") as container:
        video, sound = (
            container.add_stream("mpeg4", rate=25),
            container.add_stream("pcm_s16le", rate=8000, layout="mono"),
        )
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for i in range(25):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="bgr24")
            frame.pts = i + round(25 * picture_start_s)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for start_s, end_s in pieces_s:
            loud = np.full((1, round(8000 * (end_s - start_s))), 20_000, np.int16)
            piece = av.AudioFrame.from_ndarray(loud, "s16", "mono")
            piece.sample_rate, piece.pts = 8000, round(8000 * start_s)
            container.mux(sound.encode(piece))
        container.mux(sound.encode(None))
    return path


@pytest.mark.parametrize(
    ("pieces", "picture_start_s"),
    [([(0.25, 0.5), (0.75, 1.0)], 0.0), ([(0.0, 1.0)], 0.4), ([(0.5, 0.6), (0.6, 0.61), (5.0, 5.5)], 0.0)],
)
def test_gaps_are_silence(tmp_path: Path, pieces: list[tuple[float, float]], picture_start_s: float) -> None:
    video = write_pieces(tmp_path / "a.mkv", pieces, picture_start_s)
    assert extract_sound(video, tmp_path / "a.wav") == pytest.approx(pieces[-1][1], abs=0.001)
    samples, rate_hz = samples_of(tmp_path / "a.wav")
    expected = np.zeros(len(samples), bool)
    for start_s, end_s in pieces:
        expected[round(rate_hz * start_s) : round(rate_hz * end_s)] = True
    assert ((samples[:, 0] > 0) != expected).sum() <= 16 * len(pieces)  # the file counts milliseconds
    assert next(iter(VideoSource(video))).source_time_ns == round(1e9 * picture_start_s)


def test_a_video_without_sound_has_none(tmp_path: Path, write_video: Any, flash_pictures: list[np.ndarray]) -> None:
    video = write_video(tmp_path / "a.mp4", TIMES_MS, flash_pictures)
    assert extract_sound(video, tmp_path / "a.wav") is None
    assert not (tmp_path / "a.wav").exists()


def test_what_cannot_be_read_or_written_is_said(tmp_path: Path, write_video: Any, flash_pictures: Any) -> None:
    (tmp_path / "b.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(VideoError, match=r"cannot read the sound of .*b\.mp4: Invalid data.*--no-sound"):
        extract_sound(tmp_path / "b.mp4", tmp_path / "b.wav")
    video = write_video(tmp_path / "a.mp4", TIMES_MS, flash_pictures, "aac")
    with pytest.raises(OSError, match="No such file or directory"):
        extract_sound(video, tmp_path / "nowhere" / "a.wav")


def test_damaged_parts_keep_the_rest_in_time(tmp_path: Path, write_video: Any, flash_pictures: Any) -> None:
    video = write_video(tmp_path / "a.ts", TIMES_MS, flash_pictures, "aac")
    data = bytearray(video.read_bytes())
    rng = np.random.default_rng(0)
    for place in rng.integers(2_000, len(data) // 4, 60):
        data[place] ^= 0xFF
    video.write_bytes(data)
    assert extract_sound(video, tmp_path / "a.wav") == pytest.approx(1.96, abs=0.06)
    samples, rate_hz = samples_of(tmp_path / "a.wav")
    silent = np.abs(samples[:, 0].reshape(-1, 64)).max(axis=1) == 0
    assert silent[rate_hz // 64 :].any()  # what could not be read, in the midst of the tone
    assert not silent[-100:].any()


def test_real_sound(rdr_data: Path, tmp_path: Path) -> None:
    assert extract_sound(rdr_data / "videos/grid/bbaf2n.mpg", tmp_path / "a.wav") == pytest.approx(2.98, abs=0.03)
    samples, rate_hz = samples_of(tmp_path / "a.wav")
    assert rate_hz == 44_100
    loudness = np.abs(samples[:, 0].astype(float))
    assert loudness[rate_hz : 2 * rate_hz].mean() > 5 * loudness[: rate_hz // 10].mean()  # somebody speaks
