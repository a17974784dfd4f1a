"""Writing a take: the very bytes of the wire in an MCAP file (mcap.dev), a container that survives a crash.

Two channels, /face_frame and /hello, message encoding "msgpack"; log_time is the capture time, publish_time the
publish time (Hello has only the latter), sequence the low 32 bits of seq. A metadata record "rdr_take" says whence.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from avatar_bridge.codec import encode
from avatar_bridge.errors import RecordingError
from avatar_bridge.messages import PROTOCOL_VERSION, FaceFrame, Message
from rdr_core import __version__

TAKE_SUFFIX: Final = ".mcap"
PARTIAL_SUFFIX: Final = ".partial"
METADATA_NAME: Final = "rdr_take"
MESSAGE_ENCODING: Final = "msgpack"
TOPICS: Final = {"face_frame": "/face_frame", "hello": "/hello"}

_FLUSH_INTERVAL_S: Final = 1.0
"""A crash loses no more than this."""
_SCHEMA_TEXT: Final = f"A msgpack map of RDR Live, protocol version {PROTOCOL_VERSION}: see docs/protocol.md"


class Recorder:
    """Records messages to NAME.mcap.partial, which close() makes NAME.mcap.

    An error in the `with` block finishes the take, too: what was performed is not thrown away. After a crash the
    .partial file can be read as it is.
    """

    def __init__(
        self,
        path: str | Path,
        session: str,
        source: str = "",
        notes: Mapping[str, str] | None = None,
        overwrite: bool = False,
    ) -> None:
        """Create the file. source: what was captured, for people; notes: more of that.

        overwrite: close() may replace a take of this name.
        """
        from mcap.writer import CompressionType, Writer

        self.path = Path(path)
        if self.path.suffix != TAKE_SUFFIX:
            raise RecordingError(f"a take must end in {TAKE_SUFFIX}, got {self.path.name}")
        if self.path.exists() and not overwrite:
            raise RecordingError(f"{self.path} is there already: choose another name, or allow to overwrite it")
        self.messages_written = 0
        self._partial = self.path.with_name(self.path.name + PARTIAL_SUFFIX)
        try:
            self._file = open(self._partial, "xb")  # noqa: SIM115  closed by close()
        except FileExistsError:
            raise RecordingError(
                f"{self._partial} is left from a take that was not finished: keep it under another name, or delete it"
            ) from None
        except OSError as error:
            raise RecordingError(f"cannot create {self._partial}: {error.strerror}") from None
        self._writer = Writer(self._file, compression=CompressionType.ZSTD)
        self._writer.start(library=f"rdr-live {__version__}")
        self._channels = {topic: self._add_channel(kind, topic) for kind, topic in TOPICS.items()}
        facts = {"session": session, "source": source, "rdr-live": __version__, "protocol": str(PROTOCOL_VERSION)}
        self._writer.add_metadata(METADATA_NAME, {**(notes or {}), **facts, "created_unix_ns": str(time.time_ns())})
        self._file.flush()
        self._next_flush_s = time.monotonic() + _FLUSH_INTERVAL_S

    def write(self, message: Message) -> None:
        """Append a message. Raises RecordingError, for example when the disk is full."""
        if self._file.closed:
            raise RecordingError(f"{self.path.name} is closed already")
        publish_ns = message.publish_time_ns
        is_frame = isinstance(message, FaceFrame)
        try:
            self._writer.add_message(
                self._channels[TOPICS["face_frame" if is_frame else "hello"]],
                log_time=message.capture_time_ns if isinstance(message, FaceFrame) else publish_ns,
                publish_time=publish_ns,
                sequence=message.seq & 0xFFFFFFFF if isinstance(message, FaceFrame) else 0,
                data=encode(message),
            )
            if time.monotonic() >= self._next_flush_s:
                self._writer.flush()
                self._next_flush_s = time.monotonic() + _FLUSH_INTERVAL_S
        except OSError as error:
            raise RecordingError(f"cannot write {self._partial}: {error.strerror}; what was written is kept") from None
        self.messages_written += 1

    def close(self) -> None:
        """Finish the file and give it its name; may be called twice."""
        if self._file.closed:
            return
        try:
            self._writer.finish()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._partial, self.path)
        except OSError as error:
            with suppress(OSError):
                self._file.close()
            raise RecordingError(f"cannot finish {self._partial}: {error.strerror}; what was written is kept") from None

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _add_channel(self, kind: str, topic: str) -> int:
        schema_id = self._writer.register_schema(f"rdr.{kind}", "text", _SCHEMA_TEXT.encode())
        return self._writer.register_channel(topic, MESSAGE_ENCODING, schema_id)
