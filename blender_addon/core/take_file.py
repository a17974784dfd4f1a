"""Takes: the very bytes of the wire in an MCAP file, appended as they come, so that a crash loses nothing of before.

The same layout as `rdr record` writes: channels /face_frame and /hello, message encoding "msgpack", log_time the
capture time, a metadata record "rdr_take". While a take is being written it is called NAME.mcap.partial.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .errors import TakeError, WireError
from .mcap_file import (
    CHUNK,
    FOOTER,
    HEADER,
    MAGIC,
    MESSAGE,
    METADATA,
    DamagedRecord,
    Decompress,
    channel_record,
    end_of_file,
    message_record,
    metadata_record,
    parse_message,
    parse_metadata,
    read_records,
    record,
    records_in_chunk,
    schema_record,
    text,
)
from .protocol import PROTOCOL_VERSION, FaceFrame, Hello, Message, decode
from .receiver import Received
from .track import FaceTrack, track_of

TAKE_SUFFIX: Final = ".mcap"
PARTIAL_SUFFIX: Final = ".partial"
METADATA_NAME: Final = "rdr_take"
_FACE_FRAME, _HELLO = 1, 2
_SCHEMA_TEXT: Final = f"A msgpack map of RDR Live, protocol version {PROTOCOL_VERSION}: see docs/protocol.md"


class TakeWriter:
    """Appends messages to NAME.mcap.partial, which close() makes NAME.mcap."""

    def __init__(self, path: Path, notes: Mapping[str, str] | None = None) -> None:
        """Create the file. Raises TakeError: it is there already, or cannot be written."""
        self.path, self.frames_written = path, 0
        self.faces: set[int] = set()
        self._first_ns, self._last_ns = 0, 0
        self._partial = path.with_name(path.name + PARTIAL_SUFFIX)
        if path.exists() or self._partial.exists():
            raise TakeError(f"{path.name} is there already: choose another name")
        facts = {"protocol": str(PROTOCOL_VERSION), "created_unix_ns": str(time.time_ns())}
        head = [
            MAGIC,
            record(HEADER, text("") + text("rdr-live blender add-on")),
            schema_record(1, "rdr.face_frame", "text", _SCHEMA_TEXT.encode()),
            channel_record(_FACE_FRAME, 1, "/face_frame", "msgpack"),
            schema_record(2, "rdr.hello", "text", _SCHEMA_TEXT.encode()),
            channel_record(_HELLO, 2, "/hello", "msgpack"),
            metadata_record(METADATA_NAME, {**(notes or {}), **facts}),
        ]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: Any = open(self._partial, "xb")  # noqa: SIM115  closed by close()
            self._file.write(b"".join(head))
            self._file.flush()
        except OSError as error:
            raise TakeError(f"cannot create {self._partial}: {error.strerror}") from None

    def write(self, received: list[Received]) -> None:
        """Append messages; they are the operating system's when this returns. Raises TakeError: the disk is full."""
        data = []
        for item in received:
            message = item.message
            publish_ns = message.publish_time_ns
            if isinstance(message, FaceFrame):
                log_ns, channel, seq = message.capture_time_ns, _FACE_FRAME, message.seq
                self._count(message)
            else:
                log_ns, channel, seq = publish_ns, _HELLO, 0
            data.append(message_record(channel, seq, log_ns, publish_ns, item.payload))
        try:
            self._file.write(b"".join(data))
            self._file.flush()
        except OSError as error:
            raise TakeError(f"cannot write {self._partial}: {error.strerror}; what was written is kept") from None

    @property
    def duration_s(self) -> float:
        """From the first face frame to the last."""
        return (self._last_ns - self._first_ns) / 1e9

    def _count(self, frame: FaceFrame) -> None:
        self._first_ns = frame.capture_time_ns if not self.frames_written else self._first_ns
        self._last_ns = frame.capture_time_ns
        self.frames_written += 1
        self.faces.add(frame.face_id)

    def note(self, values: Mapping[str, str]) -> None:
        """Append what became known while recording."""
        self._file.write(metadata_record(METADATA_NAME, values))

    def close(self) -> Path:
        """Finish the file and give it its name; may be called twice."""
        if self._file.closed:
            return self.path
        try:
            self._file.write(end_of_file())
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._partial, self.path)
        except OSError as error:
            with suppress(OSError):
                self._file.close()
            raise TakeError(f"cannot finish {self._partial}: {error.strerror}; what was written is kept") from None
        return self.path


@dataclass(slots=True)
class Take:
    """What is in a take."""

    path: Path
    tracks: list[FaceTrack]
    """One for each face of each session, the one that was tracked longest first."""
    notes: dict[str, str] = field(default_factory=dict)
    """What was written down with it."""
    skipped: int = 0
    """Messages that break the rules of the wire."""
    damaged: int = 0
    """Chunks that could not be read, about a second each."""
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
    no face.
    """
    take = Take(path, [])
    faces: dict[tuple[str, int], list[FaceFrame]] = {}
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise TakeError(f"{path} is no take: it is no MCAP file, or nothing is left of it")
            file.seek(0)
            for opcode, content in read_records(file):
                _read_record(take, faces, opcode, content, decompress)
    except OSError as error:
        raise TakeError(f"cannot open the take {path}: {error.strerror}") from None
    if not faces:
        why = f": {take.trouble}" if take.trouble else ": was one in the picture while it was recorded?"
        raise TakeError(f"{path} has no face in it{why}")
    tracks = [track_of(frames) for frames in faces.values()]
    take.tracks = sorted(tracks, key=lambda track: -int(track.tracked.sum()))
    return take


def _read_record(
    take: Take,
    faces: dict[tuple[str, int], list[FaceFrame]],
    opcode: int,
    content: bytes,
    decompress: Decompress | None,
) -> None:
    if opcode == MESSAGE:
        _read_message(take, faces, content)
    elif opcode == METADATA:
        with suppress(DamagedRecord):
            name, values = parse_metadata(content)
            take.notes.update(values if name == METADATA_NAME else {})
    elif opcode == CHUNK:
        try:
            inner = list(records_in_chunk(content, decompress))
        except Exception as error:  # whatever a decompressor makes of damaged bytes
            take.damaged += 1
            take.why_damaged = f"{error!s:.80}"
            return
        for code, data in inner:
            _read_record(take, faces, code if code != CHUNK else 0, data, decompress)
    elif opcode == FOOTER:
        take.complete = True


def _read_message(take: Take, faces: dict[tuple[str, int], list[FaceFrame]], content: bytes) -> None:
    try:
        message: Message = decode(parse_message(content).data)
    except (WireError, DamagedRecord):
        take.skipped += 1
        return
    if isinstance(message, Hello):
        return
    faces.setdefault((message.session, message.face_id), []).append(message)


def safe_name(text: str) -> str:
    """Return a text as the name of a file on any system, without its ending."""
    name = re.sub(r"[^\w .-]", "_", text).strip(" .")[:64]
    return name or "take"
