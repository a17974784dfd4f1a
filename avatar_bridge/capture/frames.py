"""One picture with its time, and what every source of pictures offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from rdr_core.types import UInt8

MAX_PIXELS: Final = 64 * 1024 * 1024
"""Pictures and videos over this size are refused: no camera makes them, a damaged header does."""
DEFAULT_RATE_HZ: Final = 25.0


@dataclass(frozen=True, slots=True, eq=False)
class CapturedFrame:
    """One picture and when it was taken."""

    image_bgr: UInt8
    """(H, W, 3) uint8."""
    capture_time_ns: int
    """ns since the epoch; of a file: base + the file's own timestamp."""
    index: int
    """Position in the source, from 0; a camera counts all its pictures, so a gap is one that nobody took."""
    name: str
    """For messages to people: file name or camera."""
    source_time_ns: int | None = None
    """Since the start of the file, by its own timestamps; None: of a camera."""


class FrameSource(ABC):
    """Iterate it to get captured frames; use it as a context manager, or call close()."""

    name: str
    """For messages to people: file name or camera."""
    size_px: tuple[int, int]
    """Width and height of the first picture, upright."""
    rate_hz: float
    """Nominal frames a second."""
    frame_count: int | None
    """How many pictures there are, for progress (of a video an estimate); None: nobody knows."""
    is_live: bool
    """True: pictures come by themselves and those not taken are lost."""

    @abstractmethod
    def __iter__(self) -> Iterator[CapturedFrame]: ...

    def close(self) -> None:  # noqa: B027  a file is open only while it is iterated
        """Let go of the device or file; may be called twice."""

    def __enter__(self) -> FrameSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
