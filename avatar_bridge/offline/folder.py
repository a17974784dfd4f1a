"""Many videos: which are left, on which machines they are done, and what came of each."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Final

from avatar_bridge.offline.config import OfflineConfig
from avatar_bridge.offline.receipt import Receipt
from avatar_bridge.offline.task import VideoTask
from avatar_bridge.offline.track_video import track_video
from rdr_core.data.engines import Engine

_TRIES: Final = 2
"""Processes that a video may cost."""


def left_of(tasks: Sequence[VideoTask], fingerprint: str) -> tuple[list[VideoTask], list[Receipt]]:
    """Return the videos that are left to do, and the receipts of those that are done."""
    receipts = [(task, task.done(fingerprint)) for task in tasks]
    return [task for task, receipt in receipts if receipt is None], [done for _, done in receipts if done is not None]


def track_all(
    tasks: Sequence[VideoTask],
    config: OfflineConfig,
    fingerprint: str,
    engine: Engine,
    progress: Callable[[int], object] = lambda frames: None,
) -> Generator[Receipt, None, None]:
    """Track videos and yield what came of each as it is done; whatever ends it early, nothing half done is left.

    Args:
        tasks: the videos.
        config: how.
        fingerprint: of `config`.
        engine: where.
        progress: called with numbers of frames that were tracked since; a Ray cluster tells none.
    """
    work = partial(track_video, config=config, fingerprint=fingerprint)
    deaths: Counter[VideoTask] = Counter()
    waiting, left = deque(tasks), set(tasks)
    try:
        with closing(engine.run(work, waiting, progress)) as results:
            for task, receipt in results:
                if receipt is None:
                    deaths[task] += 1
                    if deaths[task] < _TRIES:
                        waiting.append(task)
                        continue
                    receipt = _died(task)
                left.discard(task)
                yield receipt
    finally:
        for task in left:
            task.clear()


def _died(task: VideoTask) -> Receipt:
    problem = f"the process that tracked {task.video} died {_TRIES} times, of memory perhaps; try fewer with --jobs"
    task.clear()
    return replace(Receipt(name=task.name, video=str(task.video)), problem=problem)
