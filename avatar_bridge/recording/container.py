"""Reading MCAP files (mcap.dev) that may be cut off or damaged: as far as their records can be made out.

The reader of the mcap package ends at the first thing that is wrong; this one says what is left.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import IO, Final, NamedTuple, TypeVar

import mcap.records as mcap
import numpy as np
import numpy.typing as npt
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode

from avatar_bridge.errors import RecordingError

_log = logging.getLogger(__name__)

MAGIC: Final = b"\x89MCAP0\r\n"
MAX_RECORD_BYTES: Final = 64 * 1024 * 1024
"""Far more than a chunk of a take has; a damaged length, or a file made to fill the memory, says more."""

_HEAD: Final = struct.Struct("<BQ")
_MESSAGE: Final = struct.Struct("<HIQQ")
_TIMES: Final = struct.Struct("<QQ")
_INDEX: Final = struct.Struct("<HI")

Times = npt.NDArray[np.int64]
"""(n,) ns since the epoch."""

_Parsed = TypeVar("_Parsed", mcap.Chunk, mcap.Channel, mcap.Schema, mcap.Metadata)


class Place(NamedTuple):
    """Where a record's body lies in the file."""

    opcode: int
    offset: int
    length: int


class StoredMessage(NamedTuple):
    """A message as the file has it."""

    channel_id: int
    sequence: int
    log_time_ns: int
    publish_time_ns: int
    data: bytes


def places(file: IO[bytes]) -> Iterator[Place]:
    """Yield where the records are, without reading them, until the file ends or they cannot be made out.

    Raises RecordingError where the file does not begin as an MCAP file does; one that is cut off within its first bytes
    has no record.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC[:size]:
        raise RecordingError("it is no MCAP file")
    at = len(MAGIC)
    while at + _HEAD.size <= size:
        file.seek(at)
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:  # it became shorter while it was read
            return
        opcode, length = _HEAD.unpack(head)
        at += _HEAD.size
        if opcode == 0 or at + length > size:
            _log.debug("reading ends at byte %d of %d", at, size)
            return
        yield Place(opcode, at, length)
        at += length


def is_last(file: IO[bytes], place: Place) -> bool:
    """Whether a record is the footer, with the end of the file whole behind it."""
    if place.opcode != Opcode.FOOTER:
        return False
    file.seek(place.offset + place.length)
    return file.read(len(MAGIC)) == MAGIC


def body_of(file: IO[bytes], place: Place) -> bytes:
    """Return a record's bytes. Raises RecordingError where it is impossibly long."""
    if place.length > MAX_RECORD_BYTES:
        raise RecordingError(f"a record claims {place.length} bytes")
    file.seek(place.offset)
    return file.read(place.length)


def parse(kind: type[_Parsed], body: bytes) -> _Parsed:
    """Return a record from its bytes. Raises RecordingError where they are damaged."""
    try:
        return kind.read(ReadDataStream(BytesIO(body)))
    except Exception as error:  # whatever the parser makes of damaged bytes
        raise RecordingError(f"a damaged {kind.__name__}: {error!r:.80}") from None


def chunk_times_ns(file: IO[bytes], place: Place) -> tuple[int, int]:
    """Return the earliest and the latest log time in a chunk, without unpacking it."""
    file.seek(place.offset)
    times = file.read(_TIMES.size)
    first, last = _TIMES.unpack(times) if place.length >= _TIMES.size == len(times) else (0, 2**64 - 1)
    return first, last


def unpack(body: bytes) -> bytes:
    """Return the records inside of a chunk, one behind the other. Raises RecordingError where it is damaged."""
    import zlib

    import zstandard

    chunk = parse(mcap.Chunk, body)
    if chunk.compression not in ("", "zstd"):
        raise RecordingError(f"a take is compressed with zstd, got {chunk.compression!r:.20}")
    try:
        size = zstandard.frame_content_size(chunk.data) if chunk.compression else len(chunk.data)
        if not max(size, chunk.uncompressed_size) <= MAX_RECORD_BYTES:
            raise RecordingError(f"a chunk claims {max(size, chunk.uncompressed_size)} bytes")
        data = zstandard.decompress(chunk.data, chunk.uncompressed_size) if chunk.compression else chunk.data
    except (zstandard.ZstdError, MemoryError, OverflowError) as error:
        raise RecordingError(f"a damaged chunk: {error!r:.80}") from None
    if chunk.uncompressed_crc and zlib.crc32(data) != chunk.uncompressed_crc:
        raise RecordingError("a chunk's checksum is wrong")
    return data


def inner_records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield opcode and bytes of the records of an unpacked chunk; one that is cut off ends it."""
    at = 0
    while at + _HEAD.size <= len(data):
        opcode, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if at + length > len(data):
            return
        yield opcode, data[at : at + length]
        at += length


def message_in(body: bytes) -> StoredMessage | None:
    """Return the message of a record's bytes; None where they are too few."""
    if len(body) < _MESSAGE.size:
        return None
    channel_id, sequence, log_time_ns, publish_time_ns = _MESSAGE.unpack_from(body)
    return StoredMessage(channel_id, sequence, log_time_ns, publish_time_ns, body[_MESSAGE.size :])


def index_in(body: bytes) -> tuple[int, Times]:
    """Return the channel of a message index, and the log times of its messages in a chunk, as far as they are there."""
    if len(body) < _INDEX.size:
        return 0, np.zeros(0, np.int64)
    channel_id, length = _INDEX.unpack_from(body)
    entries = body[_INDEX.size : _INDEX.size + length]
    pairs = np.frombuffer(entries[: len(entries) // 16 * 16], "<u8").reshape(-1, 2)
    return channel_id, pairs[:, 0].astype(np.int64)
