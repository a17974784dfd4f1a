"""A video file as a source, with the file's own timestamps, upright."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avatar_bridge.capture.file_times import RisingTimes, start_time_ns
from avatar_bridge.capture.frames import DEFAULT_RATE_HZ, MAX_PIXELS, CapturedFrame, FrameSource
from avatar_bridge.errors import VideoError
from rdr_core.types import UInt8

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream


class VideoSource(FrameSource):
    """Every frame of the first video stream of a file; may be iterated again.

    capture_time_ns = base_time_ns + the frame's time since the start of the file, the start its sound has, too.
    """

    is_live = False

    def __init__(self, path: str | Path, base_time_ns: int | None = None) -> None:
        """Open the file and read its first frame; base_time_ns is the time of its start (default: now)."""
        self.path = Path(path)
        self.name = self.path.name
        self._base_time_ns = time.time_ns() if base_time_ns is None else base_time_ns
        if not self.path.is_file():
            raise VideoError(f"no such video: {self.path}")
        import av

        try:
            with self._opened() as (container, stream):
                self.rate_hz = float(stream.average_rate or stream.guessed_rate or DEFAULT_RATE_HZ)
                self.frame_count = stream.frames or _estimated_count(container, self.rate_hz)
                first = next(container.decode(stream), None)
                height, width = (0, 0) if first is None else _upright(first).shape[:2]
        except av.FFmpegError as error:
            raise VideoError(f"cannot read the video {self.path}: {_reason(error)}") from None
        if first is None:
            raise VideoError(f"the video {self.path} holds no frame: is it cut off?")
        self.size_px = (width, height)

    def __iter__(self) -> Iterator[CapturedFrame]:
        import av

        index = 0
        try:
            with self._opened() as (container, stream):
                times = RisingTimes(start_time_ns(container), round(1e9 / self.rate_hz))
                for frame in container.decode(stream):
                    time_ns = times.next(frame.pts, frame.time_base)
                    yield CapturedFrame(_upright(frame), self._base_time_ns + time_ns, index, self.name, time_ns)
                    index += 1
        except av.FFmpegError as error:
            of = f" of {self.frame_count}" if self.frame_count else ""
            raise VideoError(
                f"the video {self.path} is damaged or cut off after {index}{of} frames ({_reason(error)}): "
                "use what was read, or repair it with ffmpeg"
            ) from None

    @contextmanager
    def _opened(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        """Open the file and find its video; while the body runs libav's own errors pass."""
        import av

        try:
            container = av.open(str(self.path.resolve()))
        except (OSError, av.FFmpegError) as error:
            raise VideoError(f"cannot read the video {self.path}: {_reason(error)}") from None
        with container:
            if not container.streams.video:
                raise VideoError(f"{self.path} holds no video")
            stream = container.streams.video[0]
            width, height = stream.codec_context.width, stream.codec_context.height
            if not 0 < width * height <= MAX_PIXELS:
                raise VideoError(f"the video {self.path} has an impossible size, {width} x {height}")
            yield container, stream


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _estimated_count(container: Any, rate_hz: float) -> int | None:
    return round(container.duration / 1e6 * rate_hz) if container.duration else None


def _upright(frame: VideoFrame) -> UInt8:
    """Return (H, W, 3) uint8 BGR, turned as the file says."""
    image = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image
