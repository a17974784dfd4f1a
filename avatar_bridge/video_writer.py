"""A video file with real timestamps (H.264, yuv420p: plays everywhere; or an animated WebP, for web pages), complete or
not there at all."""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

import numpy as np

from avatar_bridge.errors import VideoError
from rdr_core.types import UInt8

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

_TICKS_PER_S: Final = 90_000
WEBP: Final = ".webp"
VIDEO_SUFFIXES: Final = (".mp4", ".mov", ".mkv", WEBP)
"""What a video's file name may end in."""
_WEBP_QUALITY: Final = 80


class VideoWriter:
    """Write pictures with their times; close() puts the file in its place, an error or abort() removes it."""

    def __init__(self, path: str | Path, rate_hz: float = 30.0, quality: int = 20) -> None:
        """Prepare a file ending in .mp4, .mov, .mkv or .webp.

        rate_hz: nominal, for players; each picture keeps its own time. quality: x264's crf, 0 (lossless) to 51; a WebP
        has its own.
        """
        self.path = Path(path)
        if self.path.suffix.lower() not in VIDEO_SUFFIXES:
            raise VideoError(f"a video must end in {', '.join(VIDEO_SUFFIXES)}, got {self.path.name}")
        if not self.path.parent.is_dir():
            raise VideoError(f"no such folder: {self.path.parent}")
        if not (0 < rate_hz <= 1000 and 0 <= quality <= 51):
            raise VideoError(f"rate_hz must be in 0..1000 and quality in 0..51, got {rate_hz} and {quality}")
        self.frames_written = 0
        self._partial = self.path.with_name(f".{self.path.stem}.{os.getpid()}.partial{self.path.suffix}")
        self._rate = Fraction(rate_hz).limit_denominator(1001)
        self._quality = quality
        self._output: tuple[OutputContainer, VideoStream] | None = None
        self._shape: tuple[int, ...] = ()
        self._start_ns = 0
        self._last_tick = -1
        self._done = False

    def write(self, image_bgr: UInt8, time_ns: int) -> None:
        """Append an (H, W, 3) uint8 picture; sizes stay the same, times rise. The first picture's time becomes 0."""
        import av

        self._check(image_bgr)
        tick = round((time_ns - self._start_ns) * _TICKS_PER_S / 1e9) if self._output else 0
        if tick <= self._last_tick:
            raise VideoError(f"times of {self.path.name} must rise, that of frame {self.frames_written} does not")
        try:
            if self._output is None:
                self._start_ns = time_ns
                self._output = self._open(image_bgr)
            container, stream = self._output
            frame = av.VideoFrame.from_ndarray(_even(image_bgr), format="bgr24")
            frame.pts, frame.time_base = tick, Fraction(1, _TICKS_PER_S)
            container.mux(stream.encode(frame))
        except (OSError, av.FFmpegError) as error:
            self.abort()
            raise VideoError(f"cannot write {self.path}: {_reason(error)}") from None
        self._last_tick = tick
        self.frames_written += 1

    def close(self) -> None:
        """Finish the file and put it in its place; a video without a frame is an error."""
        import av

        if self._done:
            return
        if self._output is None:
            self._done = True
            raise VideoError(f"no frame was written to {self.path.name}: no file was made")
        container, stream = self._output
        try:
            container.mux(stream.encode(None))
            container.close()
            os.replace(self._partial, self.path)
        except (OSError, av.FFmpegError) as error:
            self.abort()
            raise VideoError(f"cannot write {self.path}: {_reason(error)}") from None
        self._done = True

    def abort(self) -> None:
        """Drop what was written."""
        import av

        self._done = True
        if self._output is not None:
            with suppress(OSError, av.FFmpegError):  # closing writes, too, and the disk may be full
                self._output[0].close()
            self._partial.unlink(missing_ok=True)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close() if error is None else self.abort()

    def _check(self, image_bgr: UInt8) -> None:
        if self._done:
            raise VideoError(f"{self.path.name} is closed already")
        if image_bgr.ndim != 3 or image_bgr.shape[2] != 3 or image_bgr.dtype != np.uint8:
            raise VideoError(f"a frame must be (H, W, 3) uint8, got {image_bgr.shape} {image_bgr.dtype}")
        if self._output and image_bgr.shape != self._shape:
            raise VideoError(f"all frames of {self.path.name} must be {self._shape}, got {image_bgr.shape}")

    def _open(self, image_bgr: UInt8) -> tuple[OutputContainer, VideoStream]:
        import av

        self._shape = image_bgr.shape
        if self.path.suffix.lower() == WEBP:
            container = av.open(str(self._partial.resolve()), "w", container_options={"loop": "0"})  # for ever
            stream = container.add_stream("libwebp_anim", rate=self._rate, options={"quality": str(_WEBP_QUALITY)})
        else:
            container = av.open(str(self._partial.resolve()), "w")
            options = {"crf": str(self._quality), "preset": "fast"}
            stream = container.add_stream("libx264", rate=self._rate, options=options)
        stream.height, stream.width = _even(image_bgr).shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS_PER_S)
        return container, stream


def _even(image: UInt8) -> UInt8:
    """Repeat the last row or column where a side is odd: yuv420p halves both sides."""
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(image)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
