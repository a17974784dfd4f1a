"""One pass over a take's file: what is stored in it, decoded by nobody yet."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import mcap.records as mcap
from mcap.opcode import Opcode

from avatar_bridge.errors import RecordingError
from avatar_bridge.recording.container import (
    Place,
    StoredMessage,
    Times,
    body_of,
    chunk_times_ns,
    index_in,
    inner_records,
    is_last,
    message_in,
    parse,
    places,
    unpack,
)
from avatar_bridge.recording.recorder import TOPICS

_log = logging.getLogger(__name__)

_TOPIC_OF: Final = dict(enumerate(TOPICS, 1))
_READ: Final = (Opcode.CHUNK, Opcode.MESSAGE, Opcode.CHANNEL, Opcode.SCHEMA, Opcode.METADATA)


class Scan:
    """One pass over a take's file, and what it found."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises RecordingError."""
        self.damaged = 0
        """Chunks and messages that cannot be read."""
        self.complete = False
        """The end of the file was found, and it is whole."""
        self.channels: dict[int, mcap.Channel] = {}
        self.schemas: dict[int, mcap.Schema] = {}
        self.metadata: dict[str, dict[str, str]] = {}
        """Metadata records by name."""
        self._path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise RecordingError(f"cannot open the take {path}: {error.strerror}") from None

    def __enter__(self) -> Scan:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def topic_of(self, channel_id: int) -> str:
        """Return the topic of a channel; of one that was in a damaged chunk, what recorders give that number to."""
        channel = self.channels.get(channel_id)
        return channel.topic if channel is not None else _TOPIC_OF.get(channel_id, "")

    def places(self) -> Iterator[Place]:
        """Yield where the records of the file are; notes whether its end is whole."""
        try:
            for place in places(self._file):
                self.complete = is_last(self._file, place)
                yield place
                if self.complete:
                    return
        except RecordingError as error:
            raise RecordingError(f"{self._path} is no take: {error}") from None

    def read_head(self) -> None:
        """Read the metadata before the first chunk, and the channels in it."""
        for place in self.places():
            next(self.read(place), None)
            if place.opcode in (Opcode.CHUNK, Opcode.MESSAGE):
                return

    def messages(self, start_ns: int = 0) -> Iterator[StoredMessage]:
        """Yield what is stored from a log time on; earlier chunks are not unpacked once the channels are known."""
        for place in self.places():
            early = start_ns and place.opcode == Opcode.CHUNK and self.chunk_times_ns(place)[1] < start_ns
            if not (early and self.channels):
                yield from (message for message in self.read(place) if message.log_time_ns >= start_ns)

    def read(self, place: Place) -> Iterator[StoredMessage]:
        """Yield the messages in a record, a chunk as a rule; channels, schemas and metadata are remembered."""
        if place.opcode not in _READ:
            return
        try:
            body = body_of(self._file, place)
            records = inner_records(unpack(body)) if place.opcode == Opcode.CHUNK else [(place.opcode, body)]
            for opcode, inner in records:
                message = self._take(opcode, inner)
                if message is not None:
                    yield message
        except RecordingError as error:
            _log.debug("%s: %s", self._path.name, error)
            self.damaged += 1

    def index(self, place: Place) -> tuple[int, Times]:
        """Return the channel of a message index, and its log times."""
        try:
            return index_in(body_of(self._file, place))
        except RecordingError:
            return index_in(b"")

    def chunk_times_ns(self, place: Place) -> tuple[int, int]:
        """Return the earliest and the latest log time in a chunk, without unpacking it."""
        return chunk_times_ns(self._file, place)

    def _take(self, opcode: int, body: bytes) -> StoredMessage | None:
        """Return the message in a record, or remember what else it is."""
        if opcode == Opcode.MESSAGE:
            return message_in(body)
        if opcode == Opcode.CHANNEL:
            channel = parse(mcap.Channel, body)
            self.channels[channel.id] = channel
        elif opcode == Opcode.SCHEMA:
            schema = parse(mcap.Schema, body)
            self.schemas[schema.id] = schema
        elif opcode == Opcode.METADATA:
            metadata = parse(mcap.Metadata, body)
            self.metadata[metadata.name] = metadata.metadata
        return None
