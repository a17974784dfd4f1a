"""Videos as real programs write them: uneven times, sound, and a face to follow."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import pytest
import skimage.data

RATE_HZ = 48_000
FLASH_S = 0.8
"""When all is bright for a picture, and a tone begins."""


class WriteVideo(Protocol):
    def __call__(
        self, path: Path, times_ms: Sequence[int], pictures: Sequence[np.ndarray], sound: str | None = None
    ) -> Path: ...


@pytest.fixture(scope="session")
def write_video() -> WriteVideo:
    """Return a writer of videos: pictures at any times, with the tone of FLASH_S in some codec."""

    def write(path: Path, times_ms: Sequence[int], pictures: Sequence[np.ndarray], sound: str | None = None) -> Path:
        codec = {".avi": "mjpeg", ".mpg": "mpeg2video"}.get(path.suffix, "libx264")
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            base = Fraction(1, 25) if codec != "libx264" else Fraction(1, 1000)
            stream.codec_context.time_base = base
            heard = container.add_stream(sound, rate=RATE_HZ, layout="stereo") if sound else None
            for time_ms, picture in zip(times_ms, pictures, strict=True):
                frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
                frame.pts, frame.time_base = round(Fraction(time_ms, 1000) / base), base
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
            if heard is not None:
                write_tone(container, heard, times_ms[-1] / 1000)
        return path

    return write


def write_tone(container: av.container.OutputContainer, stream: av.audio.stream.AudioStream, length_s: float) -> None:
    time_s = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    tone = np.where(time_s >= FLASH_S, 0.5 * np.cos(2 * np.pi * 1000 * time_s), 0)
    samples = np.repeat((tone * 32767).astype(np.int16)[None], 2, axis=0)
    resampler = av.AudioResampler(stream.format, stream.layout, stream.rate, frame_size=stream.frame_size or 1024)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T).reshape(1, -1), "s16", "stereo")
    frame.sample_rate, frame.pts = RATE_HZ, 0
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


@pytest.fixture(scope="session")
def flash_pictures() -> list[np.ndarray]:
    """Return 50 pictures for 25 a second, dark but for the one at FLASH_S."""
    pictures = [np.full((48, 64, 3), 16, np.uint8) for _ in range(50)]
    pictures[round(25 * FLASH_S)][:] = 235
    return pictures


@pytest.fixture(scope="session")
def face_pictures() -> list[np.ndarray]:
    """Return 12 pictures of a face that wanders (Eileen Collins, NASA, public domain; comes with scikit-image)."""
    photo = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    return [np.ascontiguousarray(photo[:240, 96 + i : 96 + 256 + i]) for i in range(12)]


@pytest.fixture(scope="session")
def uneven_ms() -> list[int]:
    """Return the times of 12 pictures: bursts and pauses, as phones and screen recorders make them."""
    return [0, 33, 40, 140, 141, 181, 221, 500, 517, 533, 800, 1000]


@pytest.fixture
def face_video(tmp_path: Path, write_video: WriteVideo, face_pictures: list[np.ndarray], uneven_ms: list[int]) -> Path:
    """Return a video of a face at uneven times, with sound."""
    (tmp_path / "shoot").mkdir()
    return write_video(tmp_path / "shoot" / "anna.mp4", uneven_ms, face_pictures, "aac")
