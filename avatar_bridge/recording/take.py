"""Reading a take back, also one that was cut off or damaged: as far as it goes, and saying how far that was."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from avatar_bridge.codec import decode
from avatar_bridge.errors import RecordingError, WireError
from avatar_bridge.messages import Message
from avatar_bridge.recording.recorder import METADATA_NAME

if TYPE_CHECKING:
    from mcap.records import Chunk

_log = logging.getLogger(__name__)

_MAX_RECORD_BYTES: Final = 64 * 1024 * 1024
"""Far more than a chunk of a take has; a damaged length, or a file made to fill the memory, says more."""


@dataclass(frozen=True, slots=True)
class TakeReport:
    """How much of a take could be read."""

    messages_read: int
    messages_skipped: int
    """Broke the rules of the wire, or were of another program."""
    chunks_damaged: int
    """About a second of the take each."""
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
    """The messages of a take in the order they were recorded; iterate as often as needed."""

    def __init__(self, path: str | Path) -> None:
        """Look at the head of the file. Raises RecordingError where it is no take."""
        self.path = Path(path)
        self.metadata: Mapping[str, str] = {}
        """session, source, rdr-live (version), protocol, created_unix_ns, and the recorder's notes."""
        self.report: TakeReport | None = None
        """What the last whole iteration found."""
        self._read_head()

    def __iter__(self) -> Iterator[Message]:
        """Yield the messages; damage is skipped, counted in `report` and logged once."""
        reading = _Reading()
        with self._open() as file:
            for payload in reading.payloads(file):
                try:
                    message = decode(payload)
                except WireError as error:
                    _log.debug("skipped a message of %s: %s", self.path.name, error)
                    reading.skipped += 1
                    continue
                reading.read += 1
                yield message
        self.report = TakeReport(reading.read, reading.skipped, reading.damaged, reading.complete)
        if not self.report.is_whole:
            _log.warning("%s is damaged: %s", self.path, self.report)

    def _open(self) -> IO[bytes]:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise RecordingError(f"cannot open the take {self.path}: {error.strerror}") from None

    def _read_head(self) -> None:
        from mcap.records import Chunk, Header, Metadata

        with self._open() as file:
            records = _records(file)
            first = next(records, None)
            if not isinstance(first, Header):
                raise RecordingError(f"{self.path} is no take: it is no MCAP file, or nothing is left of it")
            for record in records:
                if isinstance(record, Metadata) and record.name == METADATA_NAME:
                    self.metadata = dict(record.metadata)
                if isinstance(record, Metadata | Chunk):  # the recorder writes it before any message
                    return


def read_take(path: str | Path) -> Take:
    """Return the take in an .mcap file, or in the .partial file that a crash has left."""
    return Take(path)


class _Reading:
    """One pass over a file, and what it found."""

    def __init__(self) -> None:
        self.read = self.skipped = self.damaged = 0
        self.complete = False

    def payloads(self, file: IO[bytes]) -> Iterator[bytes]:
        from mcap.records import Chunk, Footer, Message

        for record in _records(file):
            if isinstance(record, Chunk):
                try:
                    inner = _unpack(record)
                except Exception as error:  # whatever a decompressor and a parser make of damaged bytes
                    _log.debug("a damaged chunk: %s", error)
                    self.damaged += 1
                    continue
                yield from (message.data for message in inner if isinstance(message, Message))
            elif isinstance(record, Message):
                yield record.data
            elif isinstance(record, Footer):
                self.complete = True


def _records(file: IO[bytes]) -> Iterator[Any]:
    """Yield the records of an MCAP file until it ends or cannot be made out."""
    from mcap.stream_reader import StreamReader

    reader = StreamReader(file, emit_chunks=True, record_size_limit=_MAX_RECORD_BYTES)
    try:
        yield from reader.records
    except Exception as error:  # cut off, or damaged so that the records' borders are lost
        _log.debug("reading ends at byte %d: %s", file.tell(), error or type(error).__name__)


def _unpack(chunk: Chunk) -> list[Any]:
    """Return the records inside of a chunk; raises whatever comes where it is damaged."""
    import zstandard
    from mcap.stream_reader import breakup_chunk

    if chunk.compression not in ("", "zstd"):
        raise RecordingError(f"a take is compressed with zstd, got {chunk.compression!r:.20}")
    size = zstandard.frame_content_size(chunk.data) if chunk.compression else len(chunk.data)
    if not max(size, chunk.uncompressed_size) <= _MAX_RECORD_BYTES:
        raise RecordingError(f"a chunk claims {max(size, chunk.uncompressed_size)} bytes")
    return breakup_chunk(chunk, validate_crc=True)
