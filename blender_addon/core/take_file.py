"""Writing takes: the bytes of the wire in an MCAP file, appended as they come, so that a crash loses nothing of before.

The same layout as `rdr record` writes: channels /face_frame and /hello, message encoding "msgpack", log_time the
capture time, a metadata record "rdr_take". While a take is being written it is called NAME.mcap.partial.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from .errors import TakeError
from .mcap_file import (
    HEADER,
    MAGIC,
    channel_record,
    end_of_file,
    message_record,
    metadata_record,
    record,
    schema_record,
    text,
)
from .protocol import PROTOCOL_VERSION, FaceFrame
from .receiver import Received

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


def safe_name(text: str) -> str:
    """Return a text as the name of a file on any system, without its ending."""
    name = re.sub(r"[^\w .-]", "_", text).strip(" .")[:64]
    return name or "take"
