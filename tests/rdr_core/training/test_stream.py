"""Batches made ahead by a thread or by processes: the same ones, errors said once, nothing left running."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rdr_core.data.augment import AugmentConfig
from rdr_core.data.shard_set import ShardSet
from rdr_core.errors import DataError
from rdr_core.training.batches import Batch, Sampler
from rdr_core.training.sources import FittedFaces, ShardFaces
from rdr_core.training.stream import deaths_in_one_line, stream


@pytest.fixture
def fitted(drawn_faces: Any) -> FittedFaces:
    return FittedFaces(drawn_faces.samples, drawn_faces.fits)


@pytest.fixture
def sampler(fitted: FittedFaces, write_set: Any, tmp_path: Path) -> Any:
    source = ShardFaces(ShardSet.open(str(write_set(tmp_path / "set"))))
    sources = [(fitted, 1.0), (source, 1.0)]
    yield Sampler(sources, (), AugmentConfig(), crop_size=64, batch_size=2, no_face=0.1, seed=0)
    source.close()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "batches"]


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_the_same_batches_whoever_makes_them(sampler: Sampler, workers: int) -> None:
    batches = stream(sampler, 4, workers)
    for number in (4, 5, 6, 7):
        found, expected = next(batches), sampler.batch(number)
        for name in Batch.__dataclass_fields__:
            torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=0, atol=0)
    assert len(multiprocessing.active_children()) == workers
    assert bool(threads()) == (workers == 0)
    batches.close()
    assert not threads()
    assert not multiprocessing.active_children()


def test_shards_of_the_web(write_set: Any, web: Any, tmp_path: Path) -> None:
    """Two processes draw what one draws from disk, and fetch every shard once together."""
    local = ShardFaces(ShardSet.open(str(write_set(web.folder))))
    remote = ShardFaces(ShardSet.open(f"{web.url}drawn.json"), tmp_path / "spool")
    (tmp_path / "spool").mkdir()
    here, there = (
        Sampler([(source, 1.0)], (), AugmentConfig(), crop_size=64, batch_size=5, no_face=0.1, seed=0)
        for source in (local, remote)
    )
    batches = stream(there, 0, workers=2)
    for number in range(6):
        torch.testing.assert_close(next(batches).image, here.batch(number).image, rtol=0, atol=0)
    batches.close()
    here.close()
    assert sorted(web.requests) == ["/drawn-000000.tar", "/drawn-000001.tar", "/drawn-000002.tar", "/drawn.json"]


def test_an_error_in_the_thread_reaches_the_consumer(sampler: Sampler, fitted: FittedFaces) -> None:
    for name in fitted.names:
        fitted.images[name] = np.zeros((0, 0, 3), np.uint8)  # a picture that cannot be warped
    with pytest.raises(Exception, match=r"empty|size|warpAffine"):
        next(stream(sampler, 0))
    assert not threads()


@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_broken_is_said_in_one_line(sampler: Sampler, tmp_path: Path, workers: int) -> None:
    for path in (tmp_path / "set").glob("*.tar"):
        path.unlink()
    sampler.close()
    with pytest.raises(DataError, match=r"drawn-00000\d\.tar: no shard that can be read") as caught:
        next(stream(sampler, 0, workers))
    assert "\n" not in str(caught.value)
    assert not multiprocessing.active_children()


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process")
def test_a_process_that_is_killed(sampler: Sampler) -> None:
    batches = stream(sampler, 0, 1)
    next(batches)
    (worker,) = multiprocessing.active_children()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(DataError, match=r"a process that prepares batches died .*: lower --train\.workers"):
        consume(batches, 100)


def consume(batches: Iterator[Batch], count: int) -> None:
    with deaths_in_one_line():  # as the loop does: torch may say it between two batches
        for _ in range(count):
            next(batches)
