"""Writing a set of shards: in several processes, repeatable from a seed, and resumed where it was stopped."""

from __future__ import annotations

import json
import multiprocessing
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rdr_core import __version__
from rdr_core.data.processes import behave, deaf_to_ctrl_c, one_thread_each
from rdr_core.data.shard import Member, Shard, ShardSample, pack_shard, read_shard
from rdr_core.data.shard_manifest import ShardEntry, ShardManifest, sha256_of
from rdr_core.errors import ConfigError, DataError

__all__ = ["SamplesOfShard", "Shard", "ShardManifest", "ShardSample", "read_shard", "shard_file", "write_shards"]

SamplesOfShard = Callable[[int], Iterable[Member]]
"""Shard number -> its samples: key, JPEG, label or None. With several processes it is pickled: a function of a module,
or a `functools.partial` of one. What is dear to make (a GL context) is best kept by the function's own process."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,60}")
_POLL_S: Final = 0.2


def shard_file(name: str, number: int) -> str:
    """Return the file name of a shard."""
    return f"{name}-{number:06d}.tar"


def write_shards(
    folder: Path,
    name: str,
    samples_of_shard: SamplesOfShard,
    n_shards: int,
    *,
    generator: str,
    config: dict[str, Any],
    seed: int,
    licence: str,
    sources: Sequence[str] = (),
    jobs: int = 1,
    progress: Callable[[int], object] = lambda samples: None,
    stop: Callable[[], bool] = lambda: False,
) -> ShardManifest:
    """Write `folder/name-000000.tar` and so on, and the manifest `folder/name.json`; go on where a run was stopped.

    Every shard appears whole or not at all, and is recorded in the manifest as soon as it is there. Shards that are
    recorded and unchanged are not made again. A larger `n_shards` adds to what is there.

    Args:
        samples_of_shard: must depend on nothing but its argument, `config` and `seed`: then the same call writes the
            same bytes.
        generator: who makes the samples, e.g. "rdr synth"; recorded as `config`, `seed`, `licence` and `sources` are.
        config: JSON values; everything that the samples depend on.
        licence: "open", "research-only", or what the pictures' owner says.
        jobs: processes; 1 makes the samples in this one.
        progress: called with the number of samples made, or found made, since the last call.
        stop: asked before each new shard; True ends the run early, whole shards only.

    Raises:
        ConfigError: the folder holds shards of that name that were made otherwise.
        DataError: a sample is not fit for a shard, or a process died.
    """
    if not _NAME.fullmatch(name) or n_shards < 1 or jobs < 1:
        raise ConfigError(f"shards need a name of A-Z a-z 0-9 _ -, and n_shards and jobs from 1, got {name!r}")
    path = folder / f"{name}.json"
    config = json.loads(json.dumps(config))  # as it is read back
    manifest = ShardManifest(name, generator, config, seed, licence, tuple(sources), __version__)
    if path.exists():
        manifest = _continued(manifest, path)
    folder.mkdir(parents=True, exist_ok=True)
    done = {shard.file for shard in manifest.shards}
    progress(manifest.samples)
    tasks = [_Task(folder, name, n, samples_of_shard) for n in range(n_shards) if shard_file(name, n) not in done]
    manifest.save(path)
    write = _write_here if jobs == 1 or len(tasks) < 2 else _write_in_processes
    try:
        with closing(write(tasks, min(jobs, len(tasks)), progress, stop)) as entries:
            for entry in entries:
                manifest = manifest.with_shard(entry)
                manifest.save(path)
    finally:
        for unfinished in folder.glob(f".{name}-*.part.tar"):  # of processes that were killed, now or before
            unfinished.unlink(missing_ok=True)
    return manifest


def _continued(manifest: ShardManifest, path: Path) -> ShardManifest:
    """What is recorded and still there as it was written."""
    old = ShardManifest.load(path)
    if differing := manifest.made_as(old):
        raise ConfigError(
            f"{path.parent} holds shards {manifest.name!r} made with another {', '.join(differing)}: "
            "give another folder, or delete them"
        )
    for shard in old.shards:
        tar = path.parent / shard.file
        if tar.is_file() and tar.stat().st_size == shard.bytes and sha256_of(tar) == shard.sha256:
            manifest = manifest.with_shard(shard)
    return manifest


@dataclass(frozen=True)
class _Task:
    folder: Path
    name: str
    number: int
    samples_of_shard: SamplesOfShard

    def run(self, tick: Callable[[], object]) -> ShardEntry:
        path = self.folder / shard_file(self.name, self.number)

        def ticked() -> Iterator[Member]:
            for member in self.samples_of_shard(self.number):
                yield member
                tick()

        samples, faces = pack_shard(path, ticked())
        return ShardEntry(path.name, samples, faces, path.stat().st_size, sha256_of(path))


def _write_here(
    tasks: list[_Task], jobs: int, progress: Callable[[int], object], stop: Callable[[], bool]
) -> Generator[ShardEntry]:
    for task in tasks:
        if stop():
            return
        yield task.run(lambda: progress(1))


class _Cancelled(Exception):
    """The run was stopped while a shard was made."""


_made: Any = None
"""In a process of the pool: how many samples all processes have made."""
_cancel: Any = None
"""In a process of the pool: set when the run ends early."""


def _start_process(made: Any, cancel: Any) -> None:
    global _made, _cancel
    _made, _cancel = made, cancel
    behave()


def _run_in_process(task: _Task) -> ShardEntry:
    def tick() -> None:
        with _made.get_lock():
            _made.value += 1
        if _cancel.is_set():
            raise _Cancelled

    return task.run(tick)


def _write_in_processes(
    tasks: list[_Task], jobs: int, progress: Callable[[int], object], stop: Callable[[], bool]
) -> Generator[ShardEntry]:
    context = multiprocessing.get_context("spawn")  # forked processes would share GL contexts and thread pools
    made, cancel = context.Value("q", 0), context.Event()
    reported = 0
    waiting = iter(tasks)
    with ProcessPoolExecutor(jobs, context, _start_process, (made, cancel)) as pool:
        running: set[Future[ShardEntry]] = set()
        try:
            while True:
                while len(running) < jobs and not stop() and (task := next(waiting, None)):
                    with deaf_to_ctrl_c(), one_thread_each():  # a process may be spawned
                        running.add(pool.submit(_run_in_process, task))
                if not running:
                    return
                finished, running = wait(running, _POLL_S, FIRST_COMPLETED)
                now = made.value
                progress(now - reported)
                reported = now
                yield from (future.result() for future in finished)
        except BrokenProcessPool as error:
            raise DataError(
                "a process that made a shard died (out of memory?): lower --jobs and start again"
            ) from error
        finally:
            cancel.set()
