"""`rdr track --offline`."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from avatar_bridge.cli.status import status_line
from avatar_bridge.errors import BridgeError

if TYPE_CHECKING:
    from avatar_bridge.offline.config import OfflineConfig
    from avatar_bridge.offline.receipt import Receipt
    from avatar_bridge.offline.task import VideoTask
    from rdr_core.data.engines import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineOptions:
    """Options of `rdr track --offline`."""

    offline: bool = False
    """Track every frame of videos, or of all in a folder, however long it takes; publish nothing."""
    out: Path = Path("out/offline")
    """With --offline: folder for takes, sounds and summary.csv. What is done is left out the next time."""
    sound: bool = True
    """With --offline: write each video's sound as NAME.wav."""
    overlays: bool = False
    """With --offline: write each video with the face drawn in as NAME_overlay.mp4."""
    engine: Literal["local", "ray"] = "local"
    """With --offline: "local" uses processes of this machine, "ray" a Ray cluster (extra `cluster`)."""
    jobs: int = 0
    """With --offline: videos at once; 0: as many as there are cores, here or in the cluster."""
    address: str | None = None
    """With --offline: Ray cluster, e.g. HOST:6379; default RAY_ADDRESS, else one of this machine's own."""

    def __post_init__(self) -> None:
        given = [field.name for field in fields(self) if getattr(self, field.name) != field.default]
        if given and not self.offline:
            raise BridgeError(f"--{given[0]} is for videos that are tracked offline: add --offline")
        if self.address is not None and self.engine != "ray":
            raise BridgeError("--address names a Ray cluster: add --engine ray")


LIVE: Final = OfflineOptions()
"""Not offline."""
_MOST_SHOWN: Final = 50
"""Of more videos the table shows only those with which something is wrong."""
_MOST_NAMED: Final = 20
_UNDERSTOOD: Final = frozenset(
    ("sources", "offline", "smoothing", "user", "adapted", "gaze", "max_faces", "fast")
    + ("preset", "weights", "threads", "precision", "device")
)


def track_offline(given: Mapping[str, Any], command: Callable[..., None]) -> None:
    """Track videos as fast as they go, say what came of each, and raise BridgeError where something is wrong.

    given: arguments of `command`, which is `rdr track`.
    """
    from avatar_bridge.offline.config import OfflineConfig
    from avatar_bridge.offline.folder import left_of
    from avatar_bridge.offline.summary import write_summary
    from avatar_bridge.offline.task import find_tasks
    from avatar_bridge.user import network_of_user

    _refuse_live_options(given, command)
    options: OfflineOptions = given["offline"]
    own = {
        name: given[name]
        for name in ("preset", "weights", "smoothing", "user", "gaze", "max_faces", "threads", "precision", "device")
    }
    own["weights"] = network_of_user(own["user"], own["preset"], own["weights"], given["adapted"])
    config = OfflineConfig(**own, sound=options.sound, overlays=options.overlays)
    out = options.out.expanduser()
    tasks = find_tasks(given["sources"], out)
    engine = _engine(options, len(tasks))
    fingerprint = config.fingerprint()
    left, receipts = left_of(tasks, fingerprint)
    if receipts:
        print(f"{len(receipts)} of {len(tasks)} videos were tracked before")
    out.mkdir(parents=True, exist_ok=True)
    try:
        _run(left, config, fingerprint, engine, receipts)
    except KeyboardInterrupt:
        print("what is whole is kept: the same command goes on from there", file=sys.stderr)
        raise
    finally:
        summary = write_summary(out, receipts)
    _say(sorted(receipts, key=lambda receipt: receipt.name), summary)


def _say(receipts: Sequence[Receipt], summary: Path) -> None:
    """Say what came of all; raise BridgeError where something is wrong."""
    from rich.console import Console

    from avatar_bridge.offline.summary import table_of, total_of

    wrong = [receipt for receipt in receipts if receipt.problem]
    shown = receipts if len(receipts) <= _MOST_SHOWN else wrong
    if shown:
        Console(highlight=False).print(table_of(shown))
    print(f"{total_of(receipts)}; wrote {summary}, the takes are beside it")
    if wrong:
        named = ", ".join(receipt.name for receipt in wrong[:_MOST_NAMED]) + " ..." * (len(wrong) > _MOST_NAMED)
        raise BridgeError(
            f"{len(wrong)} of {len(receipts)} videos are not whole or not there, as was said before: {named}"
        )


def _refuse_live_options(given: Mapping[str, Any], command: Callable[..., None]) -> None:
    for name, parameter in inspect.signature(command).parameters.items():
        if name not in _UNDERSTOOD and given[name] != parameter.default:
            raise BridgeError(
                f"--{name.replace('_', '-')} is for live tracking and means nothing with --offline, which writes into "
                "--out; --overlays draws every video"
            )


def _engine(options: OfflineOptions, videos: int) -> Engine:
    from rdr_core.data.engines import Processes, RayCluster, ThisProcess

    if options.engine == "ray":
        return RayCluster(options.address, options.jobs)
    return ThisProcess() if options.jobs == 1 or videos == 1 else Processes(options.jobs)


def _run(
    tasks: Sequence[VideoTask], config: OfflineConfig, fingerprint: str, engine: Engine, receipts: list[Receipt]
) -> None:
    """Track what is left, with a bar; append to the receipts."""
    from avatar_bridge.offline.folder import track_all

    frames, started = 0, time.monotonic()
    with status_line(_expected(tasks)) as show:

        def progress(more: int) -> None:
            nonlocal frames
            frames += more
            speed = frames / (time.monotonic() - started)
            show(more if len(tasks) == 1 else 0, f"{frames} frames, {speed:.1f} a second")

        with closing(track_all(tasks, config, fingerprint, engine, progress)) as results:
            for receipt in results:
                receipts.append(receipt)
                if receipt.problem:
                    print(f"error: {receipt.name}: {receipt.problem}", file=sys.stderr)
                show(0 if len(tasks) == 1 else 1, f"{receipt.name} is done")


def _expected(tasks: Sequence[VideoTask]) -> int | None:
    """Return how long the bar is: videos, or the frames that a single one is said to have."""
    from avatar_bridge.capture import VideoSource

    if len(tasks) != 1:
        return len(tasks)
    try:
        return VideoSource(tasks[0].video).frame_count
    except BridgeError:
        return None
