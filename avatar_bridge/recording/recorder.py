"""Writing a take: the very bytes of the wire in an MCAP file (mcap.dev), a container that survives a crash.

Three channels, /face_frame, /hello and /face_frame/raw (frames as the network gave them), message encoding "msgpack";
log_time is the capture time, publish_time the publish time (Hello has only the latter, raw frames only the former),
sequence the low 32 bits of seq. A metadata record "rdr_take" says whence. docs/takes.md has the whole format.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final, cast

from mcap.writer import CompressionType, Writer

from avatar_bridge.codec import encode
from avatar_bridge.errors import RecordingError
from avatar_bridge.messages import PROTOCOL_VERSION, FaceFrame, Message
from avatar_bridge.recording.append_file import AppendFile, is_being_written
from avatar_bridge.recording.facts import TakeFacts
from rdr_core import __version__

TAKE_VERSION: Final = 1
"""Counts changes of the file that an older reader cannot read; new metadata and topics are none."""
TAKE_SUFFIX: Final = ".mcap"
PARTIAL_SUFFIX: Final = ".partial"
METADATA_NAME: Final = "rdr_take"
MESSAGE_ENCODING: Final = "msgpack"
FACE_TOPIC: Final = "/face_frame"
HELLO_TOPIC: Final = "/hello"
RAW_TOPIC: Final = "/face_frame/raw"
TOPICS: Final = {FACE_TOPIC: "face_frame", HELLO_TOPIC: "hello", RAW_TOPIC: "face_frame"}
"""Topic -> kind of its messages; channels are numbered in this order, from 1."""

_FLUSH_INTERVAL_S: Final = 0.5
"""What a chunk spans, by the clock and by the capture times; a crash loses one chunk."""
_SCHEMA_TEXT: Final = f"A msgpack map of RDR Live, protocol version {PROTOCOL_VERSION}: see docs/protocol.md"


class Recorder:
    """Records messages to NAME.mcap.partial, which close() makes NAME.mcap.

    An error in the `with` block finishes the take, too: what was performed is not thrown away. After a crash the
    .partial file can be read as it is. Once the disk is full the take stays as it is, with all that was written.
    """

    def __init__(
        self,
        path: str | Path,
        session: str,
        source: str = "",
        notes: Mapping[str, str] | None = None,
        overwrite: bool = False,
        facts: TakeFacts | None = None,
    ) -> None:
        """Create the file. source: what was captured, for people; notes: more of that, by names of your own.

        overwrite: close() may replace a take of this name; facts: how the take comes about.
        """
        self.path = Path(path)
        if self.path.suffix != TAKE_SUFFIX:
            raise RecordingError(f"a take must end in {TAKE_SUFFIX}, got {self.path.name}")
        if self.path.exists() and not overwrite:
            raise RecordingError(f"{self.path} is there already: choose another name, or allow to overwrite it")
        self.messages_written = 0
        self._partial = self.path.with_name(self.path.name + PARTIAL_SUFFIX)
        self._error: RecordingError | None = None
        self._closed = False
        self._file = _created(self._partial)
        self._writer = Writer(cast(IO[bytes], self._file), compression=CompressionType.ZSTD)
        self._writer.start(library=f"rdr-live {__version__}")
        self._channels = register_topics(self._writer)
        self._writer.add_metadata(METADATA_NAME, _metadata(session, source, notes, facts or TakeFacts()))
        self._chunk_start_ns: int | None = None
        try:
            self._flush()
        except RecordingError:
            self._file.close()
            self._partial.unlink(missing_ok=True)
            raise

    def write(self, message: Message, raw: bool = False) -> None:
        """Append a message; raw: a face frame before the filters, with the seq of the one after them.

        Raises RecordingError when the disk is full, for example: then the take has ended, and each further call raises.
        """
        if self._error is not None:
            raise self._error
        if self._closed:
            raise RecordingError(f"{self.path.name} is closed already")
        frame = message if isinstance(message, FaceFrame) else None
        topic = HELLO_TOPIC if frame is None else RAW_TOPIC if raw else FACE_TOPIC
        publish_ns = message.publish_time_ns
        log_ns = publish_ns if frame is None else frame.capture_time_ns
        self._writer.add_message(
            self._channels[topic],
            log_time=log_ns,
            publish_time=publish_ns or log_ns,
            sequence=frame.seq & 0xFFFFFFFF if frame is not None else 0,
            data=encode(message),
        )
        if frame is not None and self._chunk_start_ns is None:
            self._chunk_start_ns = log_ns
        span_ns = 0 if frame is None or self._chunk_start_ns is None else abs(log_ns - self._chunk_start_ns)
        if time.monotonic() >= self._next_flush_s or span_ns >= 1e9 * _FLUSH_INTERVAL_S:
            self._flush()
        self.messages_written += 1

    def close(self) -> None:
        """Finish the file and give it its name; may be called twice. After an error the file stays as it is."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._error is None:
                self._flush()
                self._writer.finish()
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
                os.replace(self._partial, self.path)
        except OSError as error:
            raise self._failed("finish", error) from None
        finally:
            with suppress(OSError):
                self._file.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _flush(self) -> None:
        """End the chunk and hand it to the system, in one piece."""
        try:
            self._writer.flush()
        except OSError as error:
            raise self._failed("write", error) from None
        self._chunk_start_ns = None
        self._next_flush_s = time.monotonic() + _FLUSH_INTERVAL_S

    def _failed(self, action: str, error: OSError) -> RecordingError:
        self._error = RecordingError(
            f"cannot {action} {self._partial}: {error.strerror}; the take ends here, what was written is kept: "
            f"make room, then rdr takes --repair {self._partial}"
        )
        return self._error


def register_topics(writer: Writer) -> dict[str, int]:
    """Tell the writer of a new file what a take has in it; returns the channel of each topic."""
    schemas = {
        kind: writer.register_schema(f"rdr.{kind}", "text", _SCHEMA_TEXT.encode())
        for kind in dict.fromkeys(TOPICS.values())
    }
    return {topic: writer.register_channel(topic, MESSAGE_ENCODING, schemas[kind]) for topic, kind in TOPICS.items()}


def _created(partial: Path) -> AppendFile:
    try:
        return AppendFile(partial)
    except FileExistsError:
        if is_being_written(partial):
            raise RecordingError(f"{partial} is being written by another program: choose another name") from None
        raise RecordingError(
            f"{partial} is left from a take that was not finished: rdr takes --repair {partial} finishes it; "
            "or keep it under another name, or delete it"
        ) from None
    except OSError as error:
        raise RecordingError(f"cannot create {partial}: {error.strerror}") from None


def _metadata(session: str, source: str, notes: Mapping[str, str] | None, facts: TakeFacts) -> dict[str, str]:
    identity = {
        "session": session,
        "source": source,
        "rdr-live": __version__,
        "protocol": str(PROTOCOL_VERSION),
        "take": str(TAKE_VERSION),
        "created_unix_ns": str(time.time_ns()),
    }
    return {**(notes or {}), **facts.as_metadata(), **identity}
