"""Making a take whole that was cut off or damaged: what can be read is written anew, with index and end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mcap.writer import CompressionType, Writer

from avatar_bridge.errors import RecordingError
from avatar_bridge.recording.append_file import is_being_written
from avatar_bridge.recording.recorder import PARTIAL_SUFFIX, register_topics
from avatar_bridge.recording.scan import Scan
from avatar_bridge.recording.take import Take
from rdr_core import __version__
from rdr_core.atomic import whole_file

REPAIR_METADATA: Final = "rdr_repair"
CUT_SUFFIX: Final = ".cut"
_PROGRESS_EVERY: Final = 1000
_CHUNK_BYTES: Final = 64 * 1024
"""About half a second of a face."""


def repair(take: Take, progress: Callable[[int], object] = lambda messages: None) -> tuple[Path, Path, int]:
    """Write a take anew from what can be read of it; the file as it was stays beside it.

    NAME.mcap.partial becomes NAME.mcap, NAME.mcap keeps its name; what was there before is then NAME.mcap.cut. Messages
    are copied byte by byte, whatever they are. progress: called now and then with how many.

    Returns:
        The whole take, the file as it was, and how many messages were copied.

    Raises:
        RecordingError: nothing is left of it, it is being written, or one of the names is taken.
        OSError: the disk is full; nothing has changed then.
    """
    target = target_of(take.path)
    kept = target.with_name(target.name + CUT_SUFFIX)
    if is_being_written(take.path):
        raise RecordingError(f"{take.path} is being written: end the recording, which makes it whole")
    for path in {target, kept} - {take.path}:
        if path.exists():
            raise RecordingError(f"{path} is there already: rename it or delete it, then repair {take.path.name}")
    with whole_file(target) as temporary, take.scanning() as scan:
        copied = _copy(scan, take.path.name, temporary, progress)
        if not copied:
            raise RecordingError(f"{take.path} has no message that can be read: there is nothing to repair")
        if scan.complete and not scan.damaged:
            raise RecordingError(f"{take.path} is whole: there is nothing to repair")
        os.replace(take.path, kept)
    return target, kept, copied


def target_of(path: Path) -> Path:
    """Return the name of a take once it is whole."""
    return path.with_suffix("") if path.suffix == PARTIAL_SUFFIX else path


def _copy(scan: Scan, name: str, out: Path, progress: Callable[[int], object]) -> int:
    """Write a new file with the messages and metadata of another; returns how many messages there were."""
    copied = 0
    written: set[str] = set()
    with out.open("wb") as file:
        writer = Writer(file, chunk_size=_CHUNK_BYTES, compression=CompressionType.ZSTD)
        writer.start(library=f"rdr-live {__version__}")
        ours, channels = register_topics(writer), dict[int, int]()
        for message in scan.messages():
            if not copied:  # a reader looks for metadata before the first message
                written = _add_metadata(writer, scan, written)
            if message.channel_id not in channels:
                topic = scan.topic_of(message.channel_id)
                channels[message.channel_id] = ours.get(topic) or _add_channel(writer, scan, message.channel_id)
            writer.add_message(
                channels[message.channel_id],
                log_time=message.log_time_ns,
                publish_time=message.publish_time_ns,
                sequence=message.sequence,
                data=message.data,
            )
            copied += 1
            if copied % _PROGRESS_EVERY == 0:
                progress(copied)
        _add_metadata(writer, scan, written)
        about = {"file": name, "damaged": str(scan.damaged), "repaired_unix_ns": str(time.time_ns())}
        writer.add_metadata(REPAIR_METADATA, about)
        writer.finish()
        file.flush()
        os.fsync(file.fileno())
    return copied


def _add_metadata(writer: Writer, scan: Scan, written: set[str]) -> set[str]:
    """Write the metadata that are known by now and not written yet; returns the names of all that are written."""
    for name, metadata in scan.metadata.items():
        if name not in written and name != REPAIR_METADATA:
            writer.add_metadata(name, metadata)
    return written | set(scan.metadata)


def _add_channel(writer: Writer, scan: Scan, channel_id: int) -> int:
    """Take over a channel of another program."""
    channel = scan.channels.get(channel_id)
    if channel is None:
        return writer.register_channel(f"/lost/{channel_id}", "", 0)
    schema = scan.schemas.get(channel.schema_id)
    schema_id = writer.register_schema(schema.name, schema.encoding, schema.data) if schema is not None else 0
    return writer.register_channel(channel.topic, channel.message_encoding, schema_id, channel.metadata)
