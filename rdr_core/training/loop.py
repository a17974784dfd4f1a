"""The training loop, on one page: draw, forward, loss, backward, step, log, validate, checkpoint."""

from __future__ import annotations

import copy
import csv
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rdr_core.data.augment import AugmentConfig
from rdr_core.errors import AssetError, ConfigError
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.modeling.rdr import RDR
from rdr_core.training.batches import Sampler, TrainingSet, ideal_crops, pose_in_crop
from rdr_core.training.checkpoint import (
    load_checkpoint,
    optimizer_tensors,
    prefixed,
    restore_optimizer,
    save_checkpoint,
)
from rdr_core.training.losses import LossConfig, RdrLoss
from rdr_core.training.schedule import learning_rate
from rdr_core.types import UInt8

logger = logging.getLogger(__name__)


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
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    bf16: bool = True
    """bfloat16 autocast where the device has it."""
    loss: LossConfig = field(default_factory=LossConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.every, self.validation, self.warmup) < 1:
            raise ConfigError("steps, batch_size, every, validation and warmup must be positive")
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
    data: TrainingSet,
    backgrounds: Sequence[UInt8],
    run_dir: Path,
    info: dict[str, Any],
    start_from: Path | None = None,
    progress: Callable[[int, dict[str, float]], None] = lambda done, values: None,
) -> Path:
    """Train, resuming where `run_dir` has a checkpoint; returns the path of the averaged weights.

    Args:
        data: decoded pictures and fits; `config.validation` of its faces are held out.
        backgrounds: (H, W, 3) pictures without faces.
        run_dir: gets last.safetensors (resume), weights.safetensors (averaged), log.csv and TensorBoard events.
        info: written into the weights: data, licence.
        progress: called with the number of steps done since the last call, and the losses.
        start_from: weights to begin with instead of fresh ones.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    device = pick_device(config.device)
    bf16 = config.bf16 and has_bf16(device)
    training, held_out = split(data, config.validation, config.seed)
    network = build_rdr(network_config)
    set_statistics(network, training)
    if start_from is not None:
        load_weights(network, load_checkpoint(start_from).tensors, start_from)
    network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network).eval()
    optimizer = make_optimizer(network, config)
    first_step = resume(run_dir / "last.safetensors", network, average, optimizer, network_config)
    loss_of = RdrLoss(network, config.loss, float(training.table.alpha_exp.std()))
    sampler = Sampler(training, backgrounds, config.augment, config.batch_size, config.no_face, config.seed)
    log = Log(run_dir, first_step)
    progress(first_step, {"total": float("nan")})
    logger.info("training on %s%s from step %d of %d", device, " in bf16" if bf16 else "", first_step, config.steps)
    batches = sampler.stream(first_step)
    done = first_step
    scores: dict[str, float] = {}

    def save() -> None:
        facts = info | {"step": done, "train": asdict(config), "validation": scores}
        everything = prefixed("network.", network) | prefixed("average.", average) | optimizer_tensors(optimizer)
        save_checkpoint(run_dir / "last.safetensors", network_config, everything, facts)
        save_checkpoint(run_dir / "weights.safetensors", network_config, prefixed("network.", average), facts)

    try:
        network.train()
        for step in range(first_step, config.steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(config.peak_lr, step, config.steps, config.warmup)
            batch = next(batches).to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                output = network(batch.image.contiguous(memory_format=torch.channels_last))
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
            progress(1, values)
            if done % config.every == 0 or done == config.steps:
                scores = validate(average, held_out, device)
                log.write(done, optimizer.param_groups[0]["lr"], scores)
                save()
    except KeyboardInterrupt:
        if done > first_step:
            save()
        raise
    finally:
        batches.close()
        log.close()
    return run_dir / "weights.safetensors"


def split(data: TrainingSet, held_out: int, seed: int) -> tuple[TrainingSet, TrainingSet]:
    """Hold faces out for validation; the rest trains."""
    if held_out >= len(data):
        raise ConfigError(f"{held_out} faces are to be held out, but there are only {len(data)}")
    order = np.random.default_rng((seed, 7)).permutation(len(data))
    training, validation = copy.copy(data), copy.copy(data)
    training.names = [data.names[i] for i in np.sort(order[held_out:])]
    validation.names = [data.names[i] for i in np.sort(order[:held_out])]
    return training, validation


def set_statistics(network: RDR, data: TrainingSet) -> None:
    """Means and spreads of Q* over ideal crops of the training set."""
    rows = ideal_crops(data, data.names, warp=False)
    table = data.table
    poses = np.stack(
        [
            pose_in_crop(table.euler_rad[r], table.translation_px[r], table.scale_px_per_cm[r], crop)
            for r, crop, _ in rows
        ]
    )
    index = [row for row, *_ in rows]
    std = poses.std(axis=0)
    std[5] = 1  # t_z is always 0
    mean, identity, expression = poses.mean(axis=0), table.alpha_id[index], table.alpha_exp[index]
    mean[1:3] = 0  # yaw and roll are symmetric: pictures are flipped
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


def resume(path: Path, network: RDR, average: RDR, optimizer: torch.optim.Optimizer, network_config: RdrConfig) -> int:
    """Continue from `path` where it exists; returns the step to go on with."""
    if not path.exists():
        return 0
    checkpoint = load_checkpoint(path)
    if checkpoint.config != network_config:
        raise ConfigError(f"{path} is of another network ({checkpoint.config}); give another --out or delete it")
    load_weights(network, checkpoint.tensors, path)
    load_weights(average, checkpoint.tensors, path, "average.")
    restore_optimizer(optimizer, checkpoint.tensors)
    return int(checkpoint.info["step"])


@torch.no_grad()
def validate(network: RDR, data: TrainingSet, device: torch.device) -> dict[str, float]:
    """Inter-ocular NME of S at every step and of S_p at the last, on centred crops of the held-out faces."""
    rows = ideal_crops(data, data.names)
    pixels = np.stack([image for *_, image in rows])[..., ::-1].copy()
    image = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(device).float() / 255
    target = np.stack([data.targets(row, 0.0, crop)[0] for row, crop, _ in rows])
    ocular = np.linalg.norm(target[:, EYE_RIGHT[0]] - target[:, EYE_LEFT[3]], axis=1)

    def nme(shape: Tensor) -> float:
        return float((np.linalg.norm(shape.cpu().numpy() - target, axis=2).mean(axis=1) / ocular).mean())

    states = [network(part).steps for part in image.split(64)]
    scores = {}
    for k in range(len(states[0])):
        scores[f"nme_s{k}"] = nme(torch.cat([part[k].shape for part in states]))
    scores["nme_projected"] = nme(torch.cat([part[-1].projected_shape for part in states]))
    return scores


class Log:
    """log.csv and TensorBoard events."""

    def __init__(self, run_dir: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        run_dir.mkdir(parents=True, exist_ok=True)
        self.path = run_dir / "log.csv"
        if step == 0:
            self.path.unlink(missing_ok=True)
        self.board = SummaryWriter(run_dir / "tensorboard", purge_step=step or None)
        self.sums: dict[str, float] = {}
        self.count = 0
        self.since = time.perf_counter()

    def add(self, values: dict[str, float]) -> None:
        self.count += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def write(self, step: int, rate: float, scores: dict[str, float]) -> None:
        seconds = time.perf_counter() - self.since
        row = {name: value / self.count for name, value in self.sums.items()} | scores
        row |= {"lr": rate, "ms_per_step": 1e3 * seconds / self.count}
        for name, value in row.items():
            self.board.add_scalar(name, value, step)
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, ["step", *row])
            if new:
                writer.writeheader()
            writer.writerow({"step": step} | {name: f"{value:.6g}" for name, value in row.items()})
        logger.info("step %d: %s", step, ", ".join(f"{name} {value:.4g}" for name, value in row.items()))
        self.sums, self.count, self.since = {}, 0, time.perf_counter()

    def close(self) -> None:
        self.board.close()
