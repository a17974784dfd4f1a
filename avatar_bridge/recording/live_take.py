"""A take beside a running tracker: whatever happens to the take, tracking goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType

from avatar_bridge.errors import RecordingError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.recording.recorder import Recorder


class LiveTake:
    """Writes to a Recorder until that fails, a full disk above all; then says so, once, and writes no more."""

    def __init__(self, recorder: Recorder, say: Callable[[str], object]) -> None:
        """`say` is given the line for people."""
        self._recorder, self._say = recorder, say
        self.error: RecordingError | None = None
        """Why the take ended early; None: it did not."""

    def write(self, sent: Iterable[FaceFrame], raw: Iterable[FaceFrame] = ()) -> None:
        """Append the frames of a picture: as published, and as the network gave them."""
        self._attempt(lambda: self._append(sent, raw), "; tracking goes on")

    def close(self) -> None:
        """Finish the take; may be called twice."""
        self._attempt(self._recorder.close)
        self._recorder.close()  # does nothing, or frees the file of a take that has ended

    def __enter__(self) -> LiveTake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, sent: Iterable[FaceFrame], raw: Iterable[FaceFrame]) -> None:
        for frame in raw:
            self._recorder.write(frame, raw=True)
        for frame in sent:
            self._recorder.write(frame)

    def _attempt(self, action: Callable[[], object], comfort: str = "") -> None:
        if self.error is not None:
            return
        try:
            action()
        except RecordingError as error:
            self.error = error
            self._say(f"{error}{comfort}")
