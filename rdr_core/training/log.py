"""The record of a run: log.csv, TensorBoard events, and how fast it goes."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)


class Log:
    """Means since the last row of log.csv, and the row itself. Rates leave out start-up, validation, checkpoints."""

    def __init__(self, run_dir: Path, step: int, batch_size: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        run_dir.mkdir(parents=True, exist_ok=True)
        self.path, self.batch_size = run_dir / "log.csv", batch_size
        if step == 0:
            self.path.unlink(missing_ok=True)
        self.board = SummaryWriter(run_dir / "tensorboard", purge_step=step or None)
        self.begun = False
        self.restart()

    def restart(self) -> None:
        """Begin the next row; what came before is not counted."""
        self.sums: dict[str, float] = {}
        self.count = 0
        self.since = self.latest = time.perf_counter()
        self.waited_s = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time of the block as time spent waiting for data; the first time, when processes start, not."""
        started = time.perf_counter()
        yield
        self.waited_s += time.perf_counter() - started
        if not self.begun:
            self.begun = True
            self.restart()

    def add(self, values: dict[str, float]) -> None:
        """Count one step."""
        self.count += 1
        self.latest = time.perf_counter()
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def rates(self) -> dict[str, float]:
        """Return ms per step, pictures per second, and the share of the time that was spent waiting for data."""
        seconds = max(self.latest - self.since, 1e-9)
        return {
            "ms_per_step": 1e3 * seconds / max(self.count, 1),
            "pictures_per_s": self.count * self.batch_size / seconds,
            "waiting": self.waited_s / seconds,
        }

    def write(self, step: int, rate: float, scores: dict[str, float]) -> None:
        """Write a row of means, rates and scores; `rate` is the learning rate."""
        row = {name: value / self.count for name, value in self.sums.items()} | scores
        row |= {"lr": rate} | self.rates()
        for name, value in row.items():
            self.board.add_scalar(name, value, step)
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, ["step", *row])
            if new:
                writer.writeheader()
            writer.writerow({"step": step} | {name: f"{value:.6g}" for name, value in row.items()})
        logger.info("step %d: %s", step, ", ".join(f"{name} {value:.4g}" for name, value in row.items()))

    def close(self) -> None:
        self.board.close()
