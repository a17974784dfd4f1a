"""Reading takes: those of the add-on, and those of `rdr record` and `rdr track --record`, also from a torso."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .errors import TakeError, WireError
from .mcap_file import (
    CHANNEL,
    CHUNK,
    FOOTER,
    MAGIC,
    MESSAGE,
    METADATA,
    DamagedRecord,
    Decompress,
    parse_channel,
    parse_message,
    parse_metadata,
    read_records,
    records_in_chunk,
)
from .protocol import FaceFrame, decode
from .take_file import METADATA_NAME
from .track import FaceTrack, track_of

RAW_TOPIC: Final = "/face_frame/raw"
"""Frames as the network gave them, which a take may have beside those that were published."""

_Faces = dict[tuple[str, int], list[FaceFrame]]


@dataclass(slots=True)
class Take:
    """What is in a take."""

    path: Path
    tracks: list[FaceTrack]
    """One for each face of each session, the one that was tracked longest first."""
    notes: dict[str, str] = field(default_factory=dict)
    """What was written down with it."""
    file_start_ns: int | None = None
    """Capture time of the start of the video that was looked at; None: it was a camera, or the take does not say."""
    skipped: int = 0
    """Messages that break the rules of the wire."""
    damaged: int = 0
    """Chunks that could not be read, up to a second each."""
    complete: bool = False
    """False: it was cut off, and goes as far as it goes."""
    why_damaged: str = ""

    @property
    def trouble(self) -> str:
        """What is wrong with it, for people; "" where nothing is."""
        parts = [f"{self.damaged} parts of it could not be read ({self.why_damaged})"] if self.damaged else []
        parts += [f"{self.skipped} messages of it are none"] if self.skipped else []
        parts += [] if self.complete else ["it was cut off"]
        return "; ".join(parts)


def read_take(path: Path, decompress: Decompress | None = None) -> Take:
    """Return the take in an .mcap file, or in the .partial file that a crash has left.

    decompress: for takes of `rdr record`, which are compressed with zstd. Raises TakeError where it is no take, or has
    no face. Raw frames count only where there are no others.
    """
    reading = _Reading(Take(path, []), decompress)
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise TakeError(f"{path} is no take: it is no MCAP file, or nothing is left of it")
            file.seek(0)
            for opcode, content in read_records(file):
                reading.read(opcode, content)
    except OSError as error:
        raise TakeError(f"cannot open the take {path}: {error.strerror}") from None
    return reading.finish()


class _Reading:
    """One pass over a file."""

    def __init__(self, take: Take, decompress: Decompress | None) -> None:
        self._take, self._decompress = take, decompress
        self._faces: _Faces = {}
        self._raw: _Faces = {}
        self._raw_channels: set[int] = set()

    def read(self, opcode: int, content: bytes) -> None:
        """Take up a record; what is damaged is counted."""
        if opcode == MESSAGE:
            self._read_message(content)
        elif opcode == CHANNEL:
            with suppress(DamagedRecord):
                number, topic = parse_channel(content)
                self._raw_channels |= {number} if topic == RAW_TOPIC else set()
        elif opcode == METADATA:
            with suppress(DamagedRecord):
                name, values = parse_metadata(content)
                self._take.notes.update(values if name == METADATA_NAME else {})
        elif opcode == CHUNK:
            self._read_chunk(content)
        elif opcode == FOOTER:
            self._take.complete = True

    def finish(self) -> Take:
        """Return the take. Raises TakeError where no face is in it."""
        take, faces = self._take, self._faces or self._raw
        if not faces:
            why = f": {take.trouble}" if take.trouble else ": was one in the picture while it was recorded?"
            raise TakeError(f"{take.path} has no face in it{why}")
        tracks = [track_of(frames) for frames in faces.values()]
        take.tracks = sorted(tracks, key=lambda track: -int(track.tracked.sum()))
        return take

    def _read_chunk(self, content: bytes) -> None:
        try:
            inner = list(records_in_chunk(content, self._decompress))
        except Exception as error:  # whatever a decompressor makes of damaged bytes
            self._take.damaged += 1
            self._take.why_damaged = f"{error!s:.80}"
            return
        for opcode, data in inner:
            if opcode != CHUNK:
                self.read(opcode, data)

    def _read_message(self, content: bytes) -> None:
        try:
            stored = parse_message(content)
            message = decode(stored.data)
        except (WireError, DamagedRecord):
            self._take.skipped += 1
            return
        if not isinstance(message, FaceFrame):
            return
        faces = self._raw if stored.channel in self._raw_channels else self._faces
        faces.setdefault((message.session, message.face_id), []).append(message)
        if self._take.file_start_ns is None and message.source_time_ns is not None:
            self._take.file_start_ns = max(0, message.capture_time_ns - message.source_time_ns)
