"""The takes of a run: any number, one at a time, begun and ended while it tracks."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from avatar_bridge.errors import RecordingError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.recording.facts import TakeFacts
from avatar_bridge.recording.live_take import LiveTake
from avatar_bridge.recording.recorder import TAKE_SUFFIX, Recorder


class RunTakes:
    """Writes what is tracked into a take while there is one."""

    def __init__(self, folder: Path, session: str, source: str, facts: TakeFacts, say: Callable[[str], object]) -> None:
        """`folder`: for takes that have a name and no path, made for the first; `say` is given lines for people."""
        self._folder, self._session, self._source, self._facts, self._say = folder, session, source, facts, say
        self._recorder: Recorder | None = None
        self._take: LiveTake | None = None
        self.written: list[Path] = []
        """Takes that are whole."""
        self.broken: list[Path] = []
        """Takes that ended early: what they hold can be read."""

    @property
    def name(self) -> str | None:
        """Of the take that is being recorded."""
        return self._recorder.path.stem if self._recorder else None

    @property
    def messages(self) -> int:
        """In it so far."""
        return self._recorder.messages_written if self._recorder else 0

    @property
    def trouble(self) -> str | None:
        """Why the take that is being recorded is written no more."""
        return str(self._take.error) if self._take and self._take.error else None

    def start_named(self, name: str | None) -> Path:
        """Begin a take in the folder, named after the time where no name is given. Raises RecordingError."""
        return self.start(self._folder / f"{name or time.strftime('take-%Y%m%d-%H%M%S')}{TAKE_SUFFIX}")

    def start(self, path: Path) -> Path:
        """Begin a take. Raises RecordingError: one is being recorded, the name is taken, or it cannot be written."""
        if self._recorder is not None:
            raise RecordingError(f"{self.name} is being recorded: stop it first")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecordingError(f"no folder {path.parent} can be made: {error.strerror}") from None
        self._recorder = Recorder(path, self._session, source=self._source, facts=self._facts)
        self._take = LiveTake(self._recorder, self._say)
        return path

    def write(self, sent: list[FaceFrame], raw: list[FaceFrame]) -> None:
        """Append the frames of a picture, as published and as the network gave them, where a take is being recorded."""
        if self._take is not None:
            self._take.write(sent, raw)

    def stop(self) -> tuple[Path, int]:
        """End the take; return it and its number of messages. Raises RecordingError: none, or it ended early."""
        recorder, take = self._recorder, self._take
        if recorder is None or take is None:
            raise RecordingError("no take is being recorded")
        self._recorder = self._take = None
        take.close()
        if take.error is not None:
            self.broken.append(recorder.path)
            raise take.error
        self.written.append(recorder.path)
        return recorder.path, recorder.messages_written

    def close(self) -> None:
        """End the take if there is one; may be called twice."""
        if self._recorder is not None:
            try:
                self.stop()
            except RecordingError:
                return  # it said so when it happened

    def __enter__(self) -> RunTakes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
