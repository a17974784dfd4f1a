"""The training loop, on one page: draw, forward, loss, backward, step, log, validate, checkpoint."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from torch import Tensor

from rdr_core.data.augment import AugmentConfig
from rdr_core.data.label import FaceLabel
from rdr_core.errors import AssetError, ConfigError
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.modeling.rdr import RDR
from rdr_core.training.batches import Sampler, ideal_crop, network_pixels, target_in_crop
from rdr_core.training.checkpoint import (
    load_checkpoint,
    optimizer_tensors,
    prefixed,
    restore_optimizer,
    save_checkpoint,
)
from rdr_core.training.log import Log
from rdr_core.training.losses import LossConfig, RdrLoss
from rdr_core.training.schedule import learning_rate
from rdr_core.training.sources import HeldOut, Source
from rdr_core.training.stream import deaths_in_one_line, stream
from rdr_core.training.validation import validate
from rdr_core.types import UInt8

logger = logging.getLogger(__name__)

STATISTICS_ROWS: Final = 4096
"""Of the stream: of so many faces the means and spreads of Q* are taken."""


@dataclass(frozen=True)
class TrainConfig:
    """How to train."""

    steps: int = 8000
    """Optimiser steps in all."""
    batch_size: int = 32
    """Crops a step (the paper: 8)."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """SGD with momentum as the paper, or AdamW."""
    peak_lr: float = 0.01
    """Learning rate after warm-up (the paper: 0.001 at batch 8); a few thousandths for AdamW."""
    warmup: int = 300
    """Steps of linear warm-up."""
    momentum: float = 0.9
    """Of SGD."""
    weight_decay: float = 5e-4
    """On weights of two and more dimensions."""
    clip_norm: float = 5.0
    """Gradients are clipped to this norm."""
    ema: float = 0.998
    """Decay of the running average of weights that is validated and shipped; 0 for none."""
    no_face: float = 0.12
    """Share of crops that show no well aligned face, for the confidence."""
    validation: int = 64
    """Faces held out of training."""
    every: int = 500
    """Steps between validations and checkpoints."""
    seed: int = 0
    """Of weights and batches."""
    threads: int = 0
    """CPU threads; 0 leaves torch's choice."""
    workers: int = 0
    """Processes that prepare batches; 0 for a thread of this one, which is enough for a CPU."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    bf16: bool = True
    """bfloat16 autocast where the device has it."""
    loss: LossConfig = field(default_factory=LossConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.every, self.validation, self.warmup) < 1:
            raise ConfigError("steps, batch_size, every, validation and warmup must be positive")
        if self.workers < 0 or self.threads < 0:
            raise ConfigError(f"workers and threads are not negative, got {self.workers} and {self.threads}")
        if not 0 <= self.ema < 1 or not 0 <= self.no_face < 1 or self.peak_lr <= 0:
            raise ConfigError(
                f"ema and no_face lie in [0, 1), peak_lr is positive, got {self.ema}, {self.no_face}, {self.peak_lr}"
            )


def pick_device(name: str) -> torch.device:
    """auto -> cuda where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"device {name} was asked for, but torch sees no CUDA device: use cpu")
    return torch.device(name)


def has_bf16(device: torch.device) -> bool:
    """True where bfloat16 is fast: CUDA cards that support it, CPUs with AVX-512 BF16 or AMX."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported()) if hasattr(torch.cpu, "_is_avx512_bf16_supported") else False


def train(
    network_config: RdrConfig,
    config: TrainConfig,
    sources: Sequence[tuple[Source, float]],
    backgrounds: Sequence[UInt8],
    run_dir: Path,
    info: dict[str, Any],
    start_from: Path | None = None,
    progress: Callable[[int, dict[str, float]], None] = lambda done, values: None,
) -> Path:
    """Train, resuming where `run_dir` has a checkpoint; returns the path of the averaged weights.

    Args:
        sources: pictures, each source with its share of the rows; `config.validation` pictures of the first are held
            out.
        backgrounds: (H, W, 3) BGR pictures without faces.
        run_dir: gets last.safetensors (resume), weights.safetensors (averaged), log.csv and TensorBoard events.
        info: written into the weights: data, licence.
        progress: called with the number of steps done since the last call, the losses, and the rates of `Log`.
        start_from: weights to begin with instead of fresh ones.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    device = pick_device(config.device)
    bf16 = config.bf16 and has_bf16(device)
    sampler, held_out = make_sampler(sources, backgrounds, network_config.crop_size, config)
    labels = list(sampler.labels(min(STATISTICS_ROWS, sum(map(len, sampler.sources)))))
    sampler.close()
    network = build_rdr(network_config)
    check_labels(network, labels)
    set_statistics(network, labels)
    if start_from is not None:
        load_weights(network, load_checkpoint(start_from).tensors, start_from)
    network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network).eval()
    optimizer = make_optimizer(network, config)
    first_step = resume(run_dir / "last.safetensors", network, average, optimizer, network_config, info)
    loss_of = RdrLoss(network, config.loss, float(np.std([label.alpha_exp for label in labels])))
    log = Log(run_dir, first_step, config.batch_size)
    progress(first_step, {"total": float("nan")})
    logger.info("training on %s%s from step %d of %d", device, " in bf16" if bf16 else "", first_step, config.steps)
    batches = stream(sampler, first_step, config.workers, pin=device.type == "cuda")
    done = first_step
    scores: dict[str, float] = {}

    def save() -> None:
        facts = info | {"step": done, "train": asdict(config), "validation": scores}
        everything = prefixed("network.", network) | prefixed("average.", average) | optimizer_tensors(optimizer)
        save_checkpoint(run_dir / "last.safetensors", network_config, everything, facts)
        save_checkpoint(run_dir / "weights.safetensors", network_config, prefixed("network.", average), facts)

    try:
        with deaths_in_one_line():
            network.train()
            for step in range(first_step, config.steps):
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(config.peak_lr, step, config.steps, config.warmup)
                with log.waiting():
                    batch = next(batches).to(device)
                with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                    output = network(network_pixels(batch.image))
                losses = loss_of(output, batch)
                values = {name: float(value.detach()) for name, value in losses.items()}
                if not math.isfinite(values["total"]):
                    raise ConfigError(
                        f"the loss is {values['total']} at step {step + 1}: lower --train.peak-lr and start again"
                    )
                optimizer.zero_grad(set_to_none=True)
                losses["total"].backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
                optimizer.step()
                update_average(average, network, min(config.ema, (step + 1) / (step + 10)))
                done = step + 1
                log.add(values)
                progress(1, values | log.rates())
                if done % config.every == 0 or done == config.steps:
                    scores = validate(average, held_out, device)
                    log.write(done, optimizer.param_groups[0]["lr"], scores)
                    save()
                    log.restart()
    except KeyboardInterrupt:
        if done > first_step:
            save()
        raise
    finally:
        batches.close()
        log.close()
    return run_dir / "weights.safetensors"


def make_sampler(
    sources: Sequence[tuple[Source, float]], backgrounds: Sequence[UInt8], crop_size: int, config: TrainConfig
) -> tuple[Sampler, HeldOut]:
    """Hold faces of the first source out for validation; the rest trains."""
    (first, share), *others = sources
    training, held_out = first.hold_out(config.validation, config.seed)
    sampler = Sampler(
        [(training, share), *others],
        backgrounds,
        config.augment,
        crop_size=crop_size,
        batch_size=config.batch_size,
        no_face=config.no_face,
        seed=config.seed,
    )
    return sampler, held_out


def check_labels(network: RDR, labels: Sequence[FaceLabel]) -> None:
    """ConfigError where labels are of another face model than the network's."""
    expected = len(network.identity_mean), len(network.logit_mean)
    for label in labels:
        if (got := (len(label.alpha_id), len(label.alpha_exp))) != expected:
            raise ConfigError(
                f"{label.source}: a label of {got[0]} identity and {got[1]} expression coefficients, this face model "
                f"has {expected[0]} and {expected[1]}: make the labels again"
            )


def set_statistics(network: RDR, labels: Sequence[FaceLabel]) -> None:
    """Means and spreads of Q* over ideal crops of these faces."""
    crops = [ideal_crop(label, network.crop_size) for label in labels]
    poses = np.stack([target_in_crop(label, crop).pose for label, crop in zip(labels, crops, strict=True)])
    identity = np.stack([label.alpha_id for label in labels])
    expression = np.stack([label.alpha_exp for label in labels])
    mean, std = poses.mean(axis=0), poses.std(axis=0)
    std = np.maximum(std, 1e-4)
    std[5] = 1  # t_z is always 0
    mean[1:3] = 0  # yaw and roll are symmetric: pictures are flipped, or drawn so
    blocks = (mean, std, identity.mean(axis=0), identity.std(axis=0) + 1e-6, expression.mean(axis=0))
    network.set_statistics(*(torch.from_numpy(np.asarray(block, np.float32)) for block in blocks))


def make_optimizer(network: RDR, config: TrainConfig) -> torch.optim.Optimizer:
    """SGD with momentum or AdamW; no decay on biases and norms."""
    weights = [p for p in network.parameters() if p.ndim >= 2]
    rest = [p for p in network.parameters() if p.ndim < 2]
    groups = [{"params": weights, "weight_decay": config.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=config.peak_lr)
    return torch.optim.SGD(groups, lr=config.peak_lr, momentum=config.momentum)


@torch.no_grad()
def update_average(average: RDR, network: RDR, decay: float) -> None:
    """Running average of all weights and statistics."""
    for mine, theirs in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mine.dtype.is_floating_point:
            mine.lerp_(theirs, 1 - decay)
        else:
            mine.copy_(theirs)


def load_weights(network: RDR, tensors: dict[str, Tensor], path: Path, prefix: str = "network.") -> None:
    """Load what has the same name and shape; AssetError where nothing has."""
    own = network.state_dict()
    found = {n[len(prefix) :]: t for n, t in tensors.items() if n.startswith(prefix)}
    fitting = {n: t for n, t in found.items() if n in own and own[n].shape == t.shape}
    if not fitting:
        raise AssetError(f"{path}: none of its weights fit this network; is it of another preset?")
    network.load_state_dict(own | fitting)


def resume(
    path: Path,
    network: RDR,
    average: RDR,
    optimizer: torch.optim.Optimizer,
    network_config: RdrConfig,
    info: dict[str, Any],
) -> int:
    """Continue from `path` where it exists; returns the step to go on with."""
    if not path.exists():
        return 0
    checkpoint = load_checkpoint(path)
    if checkpoint.config != network_config:
        raise ConfigError(f"{path} is of another network ({checkpoint.config}); give another --out or delete it")
    if checkpoint.info.get("data") != info.get("data"):
        logger.warning("%s: went so far with other data (%s)", path, checkpoint.info.get("data"))
    load_weights(network, checkpoint.tensors, path)
    load_weights(average, checkpoint.tensors, path, "average.")
    restore_optimizer(optimizer, checkpoint.tensors)
    return int(checkpoint.info["step"])
