"""MCAP (mcap.dev), the container of takes, as far as takes need it: append records, read them back, also from a torso.

A record is an opcode, its length (u64, little endian) and its content. Files that are written here have no chunks and
no index: every record counts from the moment it is on disk. `rdr convert`, `rdr replay` and other readers take them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Final

MAGIC: Final = b"\x89MCAP0\r\n"
MAX_RECORD_BYTES: Final = 64 * 1024 * 1024
"""Far more than a chunk of a take has; a damaged length, or a file made to fill the memory, says more."""

HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, METADATA, DATA_END = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x0F
_HEAD: Final = struct.Struct("<BQ")
_MESSAGE: Final = struct.Struct("<HIQQ")
_CHUNK: Final = struct.Struct("<QQQI")

Decompress = Callable[[bytes, int], bytes]
"""(compressed, size of the result) -> the result; raises whatever it likes where the bytes are damaged."""


class DamagedRecord(ValueError):
    """The content of a record does not fit together."""


@dataclass(frozen=True, slots=True)
class McapMessage:
    """A message of a channel."""

    channel: int
    log_time_ns: int
    data: bytes


def text(value: str) -> bytes:
    """Return a text as MCAP has it."""
    data = value.encode()
    return struct.pack("<I", len(data)) + data


def texts(values: Mapping[str, str]) -> bytes:
    """Return a map of texts as MCAP has it."""
    data = b"".join(text(key) + text(value) for key, value in values.items())
    return struct.pack("<I", len(data)) + data


def record(opcode: int, content: bytes) -> bytes:
    """Return the bytes of a record."""
    return _HEAD.pack(opcode, len(content)) + content


def message_record(channel: int, sequence: int, log_time_ns: int, publish_time_ns: int, data: bytes) -> bytes:
    """Return the bytes of a message."""
    return record(MESSAGE, _MESSAGE.pack(channel, sequence & 0xFFFFFFFF, log_time_ns, publish_time_ns) + data)


def schema_record(number: int, name: str, encoding: str, data: bytes) -> bytes:
    """Return the bytes of a schema."""
    content = struct.pack("<H", number) + text(name) + text(encoding) + struct.pack("<I", len(data)) + data
    return record(SCHEMA, content)


def channel_record(number: int, schema: int, topic: str, encoding: str) -> bytes:
    """Return the bytes of a channel without metadata."""
    return record(CHANNEL, struct.pack("<HH", number, schema) + text(topic) + text(encoding) + texts({}))


def metadata_record(name: str, values: Mapping[str, str]) -> bytes:
    """Return the bytes of a map of texts with a name."""
    return record(METADATA, text(name) + texts(values))


def end_of_file() -> bytes:
    """Return what closes a file without index."""
    return record(DATA_END, struct.pack("<I", 0)) + record(FOOTER, struct.pack("<QQI", 0, 0, 0)) + MAGIC


def read_records(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield opcode and content of each record, until the file ends or its rest cannot be made out."""
    if file.read(len(MAGIC)) != MAGIC:
        return
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        opcode, length = _HEAD.unpack(head)
        if opcode == 0 or length > MAX_RECORD_BYTES:
            return
        content = file.read(length)
        if len(content) < length:
            return
        yield opcode, content
        if opcode == FOOTER:
            return


def records_in_chunk(content: bytes, decompress: Decompress | None) -> Iterator[tuple[int, bytes]]:
    """Yield the records inside of a chunk. Raises DamagedRecord, or what `decompress` raises."""
    if len(content) < _CHUNK.size:
        raise DamagedRecord("a chunk is too short")
    _, _, size, crc = _CHUNK.unpack_from(content)
    compression, place = _text_at(content, _CHUNK.size)
    (length,) = _unpack_at("<Q", content, place)
    packed = content[place + 8 : place + 8 + length]
    if size > MAX_RECORD_BYTES or len(packed) < length:
        raise DamagedRecord("a chunk claims more bytes than there are")
    if compression and (compression != "zstd" or decompress is None):
        raise DamagedRecord(f"compression {compression!r:.20} cannot be read here")
    data = decompress(packed, size) if compression and decompress else packed
    if crc and zlib.crc32(data) != crc:
        raise DamagedRecord("a chunk has another checksum")
    place = 0
    while place + _HEAD.size <= len(data):
        opcode, length = _HEAD.unpack_from(data, place)
        place += _HEAD.size
        if place + length > len(data):
            raise DamagedRecord("a record in a chunk is cut off")
        yield opcode, data[place : place + length]
        place += length


def parse_message(content: bytes) -> McapMessage:
    """Return a message from the content of its record. Raises DamagedRecord."""
    if len(content) < _MESSAGE.size:
        raise DamagedRecord("a message is too short")
    channel, _, log_time_ns, _ = _MESSAGE.unpack_from(content)
    return McapMessage(channel, log_time_ns, content[_MESSAGE.size :])


def parse_channel(content: bytes) -> tuple[int, str]:
    """Return number and topic from the content of a channel's record. Raises DamagedRecord."""
    (number,) = _unpack_at("<H", content, 0)
    return number, _text_at(content, 4)[0]


def parse_metadata(content: bytes) -> tuple[str, dict[str, str]]:
    """Return name and texts from the content of a metadata record. Raises DamagedRecord."""
    name, place = _text_at(content, 0)
    (length,) = _unpack_at("<I", content, place)
    place, end = place + 4, min(len(content), place + 4 + length)
    values = {}
    while place < end:
        key, place = _text_at(content, place)
        values[key], place = _text_at(content, place)
    return name, values


def _text_at(data: bytes, place: int) -> tuple[str, int]:
    (length,) = _unpack_at("<I", data, place)
    end = place + 4 + length
    if end > len(data):
        raise DamagedRecord("a text is cut off")
    return data[place + 4 : end].decode("utf-8", "replace"), end


def _unpack_at(layout: str, data: bytes, place: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(layout, data, place)
    except struct.error:
        raise DamagedRecord("a record is cut off") from None
