"""Where chunks of work are done: in this process, in others of this machine, or on a Ray cluster.

An engine takes a function and a queue, and yields each chunk with its result as it is done, None where the process that
worked on it died. The queue may grow meanwhile: who receives None may put the work back. Long work may call `report`.
"""

from __future__ import annotations

import os
import socket
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection, get_context
from multiprocessing.context import SpawnProcess
from typing import Any, Final, Protocol, TypeVar

from rdr_core.data.processes import behave, deaf_to_ctrl_c, one_thread_each
from rdr_core.errors import ConfigError, RdrError

C = TypeVar("C")
R = TypeVar("R")
Progress = Callable[[int], object]
_PATIENCE_S: Final = 5.0


def _nobody(amount: int) -> None:
    """Nobody wants to know."""


_listener: Progress = _nobody


def report(amount: int) -> None:
    """Say, from within the work, that so much of a chunk is done; on a cluster nobody hears it."""
    _listener(amount)


@contextmanager
def _heard_by(progress: Progress) -> Iterator[None]:
    global _listener
    before, _listener = _listener, progress
    try:
        yield
    finally:
        _listener = before


class Engine(Protocol):
    """Does chunks of work."""

    def run(
        self, work: Callable[[C], R], waiting: deque[C], progress: Progress = _nobody
    ) -> Generator[tuple[C, R | None], None, None]:
        """Yield chunks of the queue with their results, in any order; exceptions of `work` pass through.

        progress: called with what the work reports.
        """


@dataclass(frozen=True)
class ThisProcess:
    """One after the other, here."""

    def run(
        self, work: Callable[[C], R], waiting: deque[C], progress: Progress = _nobody
    ) -> Generator[tuple[C, R | None], None, None]:
        """See `Engine`."""
        while waiting:
            chunk = waiting.popleft()
            with _heard_by(progress):
                result = work(chunk)
            yield chunk, result


@dataclass(frozen=True)
class Processes:
    """Fresh processes of this machine, one thread each."""

    count: int = 0
    """How many; 0 takes one a core."""

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ConfigError(f"the number of processes must be 0 (all cores) or more, got {self.count}")

    def run(
        self, work: Callable[[C], R], waiting: deque[C], progress: Progress = _nobody
    ) -> Generator[tuple[C, R | None], None, None]:
        """See `Engine`. The processes end with the iterator, whatever ends it."""
        team: list[_Worker] = []
        try:
            count = min(self.count or os.cpu_count() or 1, len(waiting))
            team.extend(_Worker(work) for _ in range(count))
            while waiting or any(worker.busy for worker in team):
                for number, worker in enumerate(team):
                    if waiting and not worker.busy:
                        team[number] = worker.alive_or_new()
                        team[number].give(waiting.popleft())
                busy = {worker.pipe: worker for worker in team if worker.busy}
                for pipe in connection.wait(list(busy)):
                    answer = busy[pipe].take()  # type: ignore[index]
                    if isinstance(answer, int):
                        progress(answer)
                    else:
                        yield answer
        finally:
            for worker in team:
                worker.end()


class _Worker:
    """A process and the pipe to it. Death shows as the pipe's end, so that it is known which chunk it cost."""

    def __init__(self, work: Callable[..., Any]) -> None:
        context = get_context("spawn")  # forking a process with threads may deadlock
        self.pipe, other = context.Pipe()
        self.work, self.chunk, self.busy = work, None, False
        self.process: SpawnProcess = context.Process(target=_serve, args=(other, work), daemon=True)
        with deaf_to_ctrl_c(), one_thread_each():
            self.process.start()
        other.close()  # or its end would not be seen

    def give(self, chunk: Any) -> None:
        self.chunk, self.busy = chunk, True
        with suppress(OSError):  # where it died while it had nothing to do, `take` will say so
            self.pipe.send(chunk)

    def take(self) -> int | tuple[Any, Any]:
        """Receive a report, or the chunk's result, None where the process died; an exception of the work is raised."""
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):
            self.end()
            answer = None, None
        if isinstance(answer, int):
            return answer
        result, error = answer
        self.busy = False
        if error is not None:
            raise error
        return self.chunk, result

    def alive_or_new(self) -> _Worker:
        if not self.pipe.closed:
            return self
        return _Worker(self.work)

    def end(self) -> None:
        self.pipe.close()
        if self.busy:
            self.process.terminate()
        self.process.join(_PATIENCE_S)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()


def _serve(pipe: connection.Connection, work: Callable[..., Any]) -> None:
    """Main function of a process: answers chunks with (result, exception) until the pipe ends."""
    behave()
    global _listener
    _listener = partial(_tell, pipe)
    while True:
        try:
            chunk = pipe.recv()
        except (EOFError, OSError):
            return
        answer: tuple[Any, Exception | None]
        try:
            answer = (work(chunk), None)
        except Exception as error:  # raised again by who asked
            error.add_note(traceback.format_exc())
            answer = (None, error)
        try:
            pipe.send(answer)
        except OSError:  # who asked is gone
            return


def _tell(pipe: connection.Connection, amount: int) -> None:
    with suppress(OSError):  # who asked is gone, which the answer will find out
        pipe.send(amount)


@dataclass(frozen=True)
class RayCluster:
    """Processes of a Ray cluster; each machine needs the program installed."""

    address: str | None = None
    """`HOST:6379`, `ray://HOST:10001` or "auto"; None takes RAY_ADDRESS, else a cluster of this machine's own."""
    count: int = 0
    """Most chunks under way at once; 0 takes two a CPU of the cluster."""

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ConfigError(f"the number of chunks under way must be 0 (two a CPU) or more, got {self.count}")

    def run(
        self, work: Callable[[C], R], waiting: deque[C], progress: Progress = _nobody
    ) -> Generator[tuple[C, R | None], None, None]:
        """See `Engine`; joins the cluster that the caller has joined, if any."""
        try:
            import ray
        except ImportError as error:
            raise ConfigError("Ray is not installed: install the extra `cluster`, or leave out --engine ray") from error
        joined = ray.is_initialized()
        if not joined:
            _join(ray, self.address)
        try:
            yield from self._run(ray, work, waiting)
        finally:
            if not joined:
                ray.shutdown()

    def _run(self, ray: Any, work: Callable[[C], R], waiting: deque[C]) -> Generator[tuple[C, R | None], None, None]:
        remote = ray.remote(num_cpus=1, max_retries=0)(_call)  # who receives None decides about another try
        shared = ray.put(work)
        pending: dict[Any, C] = {}
        try:
            while waiting or pending:
                limit = self.count or max(2, 2 * int(ray.cluster_resources().get("CPU", 1)))  # clusters grow
                while waiting and len(pending) < limit:
                    chunk = waiting.popleft()
                    pending[remote.remote(shared, chunk)] = chunk
                done, _ = ray.wait(list(pending), num_returns=1)
                yield pending.pop(done[0]), _result(ray, done[0])
        finally:
            for reference in pending:
                ray.cancel(reference, force=True)


def _call(work: Callable[[C], R], chunk: C) -> R:
    return work(chunk)


def _join(ray: Any, address: str | None) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody has agreed to being counted
    address = address or os.environ.get("RAY_ADDRESS")
    own = {} if address else {"include_dashboard": False}
    try:
        if address and ":" in address:
            _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"no Ray cluster answers at {address or 'this machine'} ({reason}); start one with `ray start --head`, "
            "correct --address, or set RAY_AUTH_MODE=token where the cluster asks for its token"
        ) from error


def _knock(address: str) -> None:
    """OSError or ValueError where nobody listens at HOST:PORT; Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), _PATIENCE_S).close()


def _result(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, RdrError) else error from None
    except ray.exceptions.RayError:  # its worker or machine died
        return None
