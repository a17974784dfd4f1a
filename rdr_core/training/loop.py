"""The training loop, on one page: draw, forward, loss, backward, step, log, validate, checkpoint."""

from __future__ import annotations

import copy
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from rdr_core.errors import ConfigError
from rdr_core.interrupt import on_interrupt
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.modeling.rdr import RDR
from rdr_core.training.batches import Batch, Sampler, network_pixels
from rdr_core.training.checkpoint import load_checkpoint, load_weights, optimizer_tensors, prefixed, save_checkpoint
from rdr_core.training.checkpoint import resume as resume_from
from rdr_core.training.config import TrainConfig
from rdr_core.training.log import Log
from rdr_core.training.losses import RdrLoss
from rdr_core.training.schedule import learning_rate, refinements
from rdr_core.training.sources import HeldOut, Source
from rdr_core.training.statistics import check_labels, restandardise, set_statistics
from rdr_core.training.stream import deaths_in_one_line, stream
from rdr_core.training.validation import validate
from rdr_core.training.world import World, has_bf16, join, share_statistics
from rdr_core.types import UInt8

logger = logging.getLogger(__name__)

STATISTICS_ROWS: Final = 4096
"""Of the stream: of so many faces the means and spreads of Q* are taken."""
Progress = Callable[[int, dict[str, float]], None]


def train(
    network_config: RdrConfig,
    config: TrainConfig,
    sources: Sequence[tuple[Source, float]],
    backgrounds: Sequence[UInt8],
    run_dir: Path,
    info: dict[str, Any],
    start_from: Path | None = None,
    progress: Progress = lambda done, values: None,
    minutes: float | None = None,
) -> Path:
    """Train, resuming where `run_dir` has a checkpoint; returns the path of the averaged weights.

    Started by torchrun, the processes train one network together: each draws its part of every batch.

    Args:
        sources: pictures, each source with its share of the rows; `config.validation` pictures of the first are held
            out.
        backgrounds: (H, W, 3) BGR pictures without faces.
        run_dir: gets last.safetensors (resume), weights.safetensors (averaged), log.csv and TensorBoard events.
        info: written into the weights: data, licence.
        start_from: weights to begin with instead of fresh ones.
        progress: called with the number of steps done since the last call, the losses, and the rates of `Log`.
        minutes: stop after so long, with a checkpoint to go on from.
    """
    if minutes is not None and minutes <= 0:
        raise ConfigError(f"minutes must be positive, got {minutes}")
    if config.threads:
        torch.set_num_threads(config.threads)
    deadline = math.inf if minutes is None else time.monotonic() + 60 * minutes
    with join(config.device) as (world, device):
        sampler, held_out = make_sampler(sources, backgrounds, network_config.crop_size, config, world)
        run = _Run(network_config, config, sampler, held_out, run_dir, info, start_from, world, device)
        run.go(deadline, progress if world.leads else lambda done, values: None)
    return run_dir / "weights.safetensors"


@dataclass(frozen=True)
class _Pending:
    """A step whose numbers may still be on their way from the device."""

    values: dict[str, Tensor]
    step: int


class _Run:
    """The state of a training run: network, running average, optimiser, and how many steps are done."""

    def __init__(
        self,
        network_config: RdrConfig,
        config: TrainConfig,
        sampler: Sampler,
        held_out: HeldOut,
        run_dir: Path,
        info: dict[str, Any],
        start_from: Path | None,
        world: World,
        device: torch.device,
    ) -> None:
        self.network_config, self.config, self.run_dir, self.info = network_config, config, run_dir, info
        self.sampler, self.held_out, self.world, self.device = sampler, held_out, world, device
        self.bf16 = config.bf16 and has_bf16(device)
        if device.type == "cuda":
            torch.backends.cudnn.benchmark = True
            torch.set_float32_matmul_precision("high")
        torch.manual_seed(config.seed)
        labels = list(sampler.labels(min(STATISTICS_ROWS, sum(map(len, sampler.sources)))))
        sampler.close()
        self.network = build_rdr(network_config)
        check_labels(self.network, labels)
        set_statistics(self.network, labels)
        if start_from is not None:
            load_weights(self.network, load_checkpoint(start_from).tensors, start_from)
            restandardise(self.network, labels)
        self.network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network).eval()
        if world.size > 1:
            share_statistics(self.network, device)
        self.optimizer = make_optimizer(self.network, config)
        self.done = resume_from(self.last, self.network, self.average, self.optimizer, network_config, info)
        self.first = self.done
        self.loss_of = RdrLoss(self.network, config.loss, float(np.std([label.alpha_exp for label in labels])))
        self.scores: dict[str, float] = {}

    @property
    def last(self) -> Path:
        """Checkpoint to go on from."""
        return self.run_dir / "last.safetensors"

    def go(self, deadline: float, progress: Progress) -> None:
        """Train until all steps are done or the time is over; a checkpoint is left however it ends."""
        config = self.config
        logger.info(
            "training on %s%s%s from step %d of %d",
            self.device,
            " in bf16" if self.bf16 else "",
            f" by {self.world.size} processes" if self.world.size > 1 else "",
            self.first,
            config.steps,
        )
        log = Log(self.run_dir, self.first, config.batch_size) if self.world.leads else None
        progress(self.first, {"total": float("nan")})
        module = self._parallel()
        batches = stream(self.sampler, self.first, config.workers, pin=self.device.type == "cuda")
        pending: _Pending | None = None
        interrupted = threading.Event()
        try:
            with deaths_in_one_line(), on_interrupt(interrupted.set):
                self.network.train()
                stop = False
                while self.done < config.steps and not stop:
                    with _waiting(log):
                        batch = next(batches).to(self.device)
                    over = interrupted.is_set() or time.monotonic() > deadline
                    started = _Pending(self._step(module, batch, over), self.done)
                    self.done += 1
                    stop = self._read(pending, log, progress)
                    pending = started
                    if stop or self.done % config.every == 0 or self.done == config.steps:
                        stop = self._read(pending, log, progress) or stop
                        pending = None
                        self._validate_and_save(log)
            if interrupted.is_set():
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            if pending is not None:
                self._save()
            raise
        finally:
            batches.close()
            if log:
                log.close()

    def _parallel(self) -> nn.Module:
        if self.world.size == 1:
            return self.network
        ids = [self.device] if self.device.type == "cuda" else None
        unused = self.config.curriculum > 0  # the projections of later steps
        return DistributedDataParallel(
            self.network, device_ids=ids, broadcast_buffers=False, find_unused_parameters=unused
        )

    def _step(self, module: nn.Module, batch: Batch, over: bool) -> dict[str, Tensor]:
        """One update; returns the losses, and whether it is over for any process, without waiting for the device."""
        config, world = self.config, self.world
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, self.done)
        steps = refinements(config, self.done, self.network_config.steps)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            output = module(network_pixels(batch.image), steps)
        faces = world.sum(batch.is_face.sum()) / world.size
        losses = self.loss_of(output, batch, faces)
        self.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), config.clip_norm)
        self.optimizer.step()
        if world.leads:
            update_average(self.average, self.network, min(config.ema, (self.done + 1) / (self.done + 10)))
        values = {name: value.detach() for name, value in losses.items()}
        together = world.sum(torch.stack([*values.values(), values["total"].new_tensor(float(over))])) / world.size
        return dict(zip([*values, "over"], together, strict=True))

    def _read(self, pending: _Pending | None, log: Log | None, progress: Progress) -> bool:
        """Count a step whose numbers are there by now, one late, so that the device never waits; True where it is
        over."""
        if pending is None:
            return False
        numbers = torch.stack(list(pending.values.values())).tolist()  # one transfer from the device
        values = dict(zip(pending.values, numbers, strict=True))
        over = values.pop("over") > 0
        if not math.isfinite(values["total"]):
            raise ConfigError(
                f"the loss is {values['total']} at step {pending.step + 1}: lower --train.peak-lr and start again"
            )
        if log:
            log.add(values)
            progress(1, values | log.rates())
        return over

    def _validate_and_save(self, log: Log | None) -> None:
        if log:
            self.scores = validate(self.average, self.held_out, self.device)
            log.write(self.done, self.optimizer.param_groups[0]["lr"], self.scores)
            self._save()
            log.restart()

    def _save(self) -> None:
        if not self.world.leads:
            return
        facts = self.info | {"step": self.done, "train": asdict(self.config), "validation": self.scores}
        state = prefixed("network.", self.network) | prefixed("average.", self.average)
        save_checkpoint(self.last, self.network_config, state | optimizer_tensors(self.optimizer), facts)
        weights = self.run_dir / "weights.safetensors"
        save_checkpoint(weights, self.network_config, prefixed("network.", self.average), facts)


def _waiting(log: Log | None) -> AbstractContextManager[None]:
    return log.waiting() if log else nullcontext()


def make_sampler(
    sources: Sequence[tuple[Source, float]],
    backgrounds: Sequence[UInt8],
    crop_size: int,
    config: TrainConfig,
    world: World,
) -> tuple[Sampler, HeldOut]:
    """Hold faces of the first source out for validation; the rest trains."""
    (first, share), *others = sources
    training, held_out = first.hold_out(config.validation, config.seed)
    sampler = Sampler(
        [(training, share), *others],
        backgrounds,
        config.augment,
        crop_size=crop_size,
        batch_size=world.share(config.batch_size),
        no_face=config.no_face,
        seed=config.seed,
        rank=world.rank,
        world=world.size,
    )
    return sampler, held_out


def make_optimizer(network: RDR, config: TrainConfig) -> torch.optim.Optimizer:
    """SGD with momentum or AdamW; no decay on biases and norms."""
    weights = [p for p in network.parameters() if p.ndim >= 2]
    rest = [p for p in network.parameters() if p.ndim < 2]
    groups = [{"params": weights, "weight_decay": config.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=config.peak_lr)
    return torch.optim.SGD(groups, lr=config.peak_lr, momentum=config.momentum)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Running average of all weights and statistics."""
    mine, theirs = average.state_dict(), network.state_dict()
    floats = [name for name, tensor in mine.items() if tensor.dtype.is_floating_point]
    torch._foreach_lerp_([mine[name] for name in floats], [theirs[name] for name in floats], 1 - decay)
    for name in mine.keys() - floats:
        mine[name].copy_(theirs[name])
