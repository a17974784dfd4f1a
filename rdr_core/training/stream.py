"""Batches made ahead: by a thread of this process, or by processes of their own."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from multiprocessing.util import Finalize

import cv2
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from rdr_core.data.processes import behave, deaf_to_ctrl_c
from rdr_core.errors import DataError, RdrError
from rdr_core.training.batches import Batch, Sampler

AHEAD = 4
"""Batches made ahead, by the thread or by each process."""


def stream(sampler: Sampler, start: int, workers: int = 0, pin: bool = False) -> Generator[Batch]:
    """Yield batches from number `start` on: the same ones however many make them.

    Args:
        workers: processes that make them; 0 for a thread of this process.
        pin: in page-locked memory, for a CUDA device.

    Raises:
        RdrError: what went wrong where the batches are made; DataError where a process was killed.
    """
    return _from_processes(sampler, start, workers, pin) if workers else _from_thread(sampler, start, pin)


def _from_thread(sampler: Sampler, start: int, pin: bool) -> Generator[Batch]:
    ready: queue.Queue[Batch | BaseException] = queue.Queue(AHEAD)
    stop = threading.Event()

    def work() -> None:
        number = start
        while not stop.is_set():
            try:
                batch = sampler.batch(number)
                item: Batch | BaseException = batch.pin_memory() if pin else batch
            except BaseException as error:  # handed to the consumer
                item = error
            while not stop.is_set():
                try:
                    ready.put(item, timeout=0.2)
                    break
                except queue.Full:
                    continue
            number += 1

    thread = threading.Thread(target=work, name="batches", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
        sampler.close()


class _Batches(IterableDataset[Batch | RdrError]):
    """Every n-th batch for each of n processes; torch takes them in turn, so that they come in order."""

    def __init__(self, sampler: Sampler, start: int) -> None:
        self.sampler, self.start = sampler, start

    def __iter__(self) -> Iterator[Batch | RdrError]:
        worker = get_worker_info()
        assert worker is not None
        number = self.start + worker.id
        while True:
            try:
                yield self.sampler.batch(number)
            except RdrError as error:  # as it is: torch would make a page of it
                yield error
                return
            number += worker.num_workers


def _start_worker(number: int) -> None:
    behave()
    cv2.setNumThreads(1)
    # When the stream ends, a thread may be sending a tensor. Python's own end would cut it off inside of torch, which
    # aborts the process; so leave without.
    Finalize(None, os._exit, args=(0,), exitpriority=-100)


def _from_processes(sampler: Sampler, start: int, workers: int, pin: bool) -> Generator[Batch]:
    loader = DataLoader(
        _Batches(sampler, start),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=AHEAD,
        pin_memory=pin,
        worker_init_fn=_start_worker,
        multiprocessing_context="spawn",  # a forked process would share CUDA, thread pools and GL contexts
    )
    with deaf_to_ctrl_c():
        batches = iter(loader)
    try:
        with deaths_in_one_line():
            for item in batches:
                if isinstance(item, RdrError):
                    raise item
                yield item
    finally:
        del batches  # ends the processes
        sampler.close()


@contextmanager
def deaths_in_one_line() -> Iterator[None]:
    """DataError where a process that prepares batches was killed. Torch says so wherever the program happens to be."""
    try:
        yield
    except (RuntimeError, ConnectionError, EOFError) as error:
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        raise DataError("a process that prepares batches died (out of memory?): lower --train.workers") from error
