"""Reading a take back, also one that was cut off or damaged: as far as it goes, and saying how far that was."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from avatar_bridge.codec import decode
from avatar_bridge.errors import RecordingError, WireError
from avatar_bridge.messages import PROTOCOL_VERSION, FaceFrame, Message
from avatar_bridge.recording.facts import TakeFacts
from avatar_bridge.recording.recorder import FACE_TOPIC, METADATA_NAME, RAW_TOPIC, TAKE_VERSION
from avatar_bridge.recording.scan import Scan

_log = logging.getLogger(__name__)

Frames = Literal["filtered", "raw"]
"""Face frames as they were published, or as the network gave them."""
_NOT_IN: Final = {"filtered": RAW_TOPIC, "raw": FACE_TOPIC}


@dataclass(frozen=True, slots=True)
class TakeReport:
    """How much of a take could be read."""

    messages_read: int
    messages_skipped: int
    """Broke the rules of the wire, or were of another program."""
    chunks_damaged: int
    """About half a second of the take each."""
    complete: bool
    """False: the file ends too early, or its rest cannot be made out."""

    @property
    def is_whole(self) -> bool:
        """Whether everything that was recorded was read."""
        return self.complete and not self.chunks_damaged and not self.messages_skipped

    def __str__(self) -> str:
        end = "to its end" if self.complete else "until it broke off"
        return (
            f"{self.messages_read} messages read {end}, {self.messages_skipped} skipped, "
            f"{self.chunks_damaged} damaged chunks"
        )


class Take:
    """The messages of a take in the order they were recorded; iterate as often as needed. Memory is that of a chunk."""

    def __init__(self, path: str | Path) -> None:
        """Look at the head of the file. Raises RecordingError where it is no take, or of another version."""
        self.path = Path(path)
        self.metadata: Mapping[str, str] = {}
        """session, source, rdr-live and take (versions), protocol, created_unix_ns, facts, and the recorder's notes."""
        self.report: TakeReport | None = None
        """What the last whole iteration found."""
        with self.scanning() as scan:
            scan.read_head()
            self.metadata = scan.metadata.get(METADATA_NAME, {})
        self._warned = False
        self._check_versions()

    @property
    def facts(self) -> TakeFacts:
        """How the take came about, as far as its metadata tell."""
        return TakeFacts.from_metadata(self.metadata)

    def __iter__(self) -> Iterator[Message]:
        """Yield the messages that were published; damage is skipped, counted in `report` and logged once."""
        return self.messages()

    def messages(self, frames: Frames = "filtered", start_ns: int = 0) -> Iterator[Message]:
        """Yield Hello and one kind of face frames, without those captured before `start_ns`, which cost no time."""
        read = skipped = 0
        with self.scanning() as scan:
            for stored in scan.messages(start_ns):
                if scan.topic_of(stored.channel_id) == _NOT_IN[frames]:
                    continue
                try:
                    message = decode(stored.data)
                except WireError as error:
                    _log.debug("skipped a message of %s: %s", self.path.name, error)
                    skipped += 1
                    continue
                read += 1
                yield message
            self.report = TakeReport(read, skipped, scan.damaged, scan.complete)
        if not self.report.is_whole and not self._warned:
            self._warned = True
            _log.warning("%s is damaged: %s", self.path, self.report)

    def frames(self, frames: Frames = "filtered", start_ns: int = 0) -> Iterator[FaceFrame]:
        """Yield one kind of face frames alone."""
        return (message for message in self.messages(frames, start_ns) if isinstance(message, FaceFrame))

    def scanning(self) -> Scan:
        """Open the file for one pass over what is stored in it, decoded by nobody."""
        return Scan(self.path)

    def _check_versions(self) -> None:
        """Raises RecordingError where a newer program wrote what this one would misread."""
        writer = self.metadata.get("rdr-live", "of an unknown version")
        for name, ours in (("take", TAKE_VERSION), ("protocol", PROTOCOL_VERSION)):
            theirs = self.metadata.get(name, str(ours))
            if theirs != str(ours):
                raise RecordingError(
                    f"{self.path} has {name} version {theirs!r:.20}, written by rdr-live {writer!r:.20}; "
                    f"this program reads version {ours}: update the older one"
                )


def read_take(path: str | Path) -> Take:
    """Return the take in an .mcap file, or in the .partial file that a crash has left."""
    return Take(path)
