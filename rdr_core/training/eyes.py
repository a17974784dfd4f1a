"""Training of the eye network, on one page: patches of rendered people as the network of the whole face finds them,
augmented by the batch, mean absolute errors, a running average of the weights.

N: faces.  B: faces of a batch.  m: margin about a patch, px.
"""

from __future__ import annotations

import copy
import itertools
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rdr_core.data.augment import AugmentConfig, jitter_crop
from rdr_core.data.eye_patches import PATCH_PX, eye_patches, read_of, read_of_told, told_of
from rdr_core.data.label import FaceLabel
from rdr_core.errors import ConfigError, DataError
from rdr_core.geometry.rotation import upright_roll_rad
from rdr_core.inference.tracker import Predictor
from rdr_core.interrupt import on_interrupt
from rdr_core.modeling.eye_network import EyeNetwork
from rdr_core.training.loop import update_average
from rdr_core.training.sources import Picture
from rdr_core.training.world import has_bf16, pick_device
from rdr_core.types import Float32, UInt8

logger = logging.getLogger(__name__)

MARGIN_PX: Final = 4
"""So far patches are moved when they are augmented."""
_SURE: Final = 0.5
"""A face that the network is less sure of is not tracked either."""
_LOST: Final = 0.3
"""Landmarks off by so much of the face's size are another face's."""


@dataclass(frozen=True)
class EyeTrainConfig:
    """How to train the eye network."""

    steps: int = 4000
    """Optimiser steps in all."""
    batch_size: int = 256
    """Faces a step."""
    peak_lr: float = 2e-3
    """Learning rate of AdamW after the warm-up, which then falls as a cosine."""
    warmup: int = 100
    """Steps of linear warm-up."""
    weight_decay: float = 0.02
    """Of AdamW."""
    ema: float = 0.998
    """Decay of the running average of weights, which is what is kept."""
    looks: int = 2
    """How often each picture is looked at, from crops that are off as a tracker's are."""
    validation: int = 512
    """Pictures held out, the last ones: their people are in no other."""
    every: int = 200
    """Steps between measurements on those."""
    threads: int = 0
    """CPU threads; 0 leaves torch's choice."""
    seed: int = 0
    """Of weights and batches."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.looks, self.validation, self.every) < 1 or self.peak_lr <= 0:
            raise ConfigError(f"steps, sizes and the learning rate must be positive, got {self}")


@dataclass(frozen=True, eq=False)
class EyeSamples:
    """Eyes of N faces."""

    patches: UInt8
    """(N, 2, h + 2 m, w + 2 m, 3) BGR."""
    told: Float32
    """(N, N_TOLD)."""
    truth: Float32
    """(N, 2, 3) outward, up, closed."""

    def __len__(self) -> int:
        return len(self.told)

    def batch(self, rows: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Patches (B, 2, 3, ...) in [0, 1], what is told of them, and the truth."""
        pixels = torch.from_numpy(self.patches[rows]).to(device).permute(0, 1, 4, 2, 3)
        told, truth = (torch.from_numpy(values[rows]).to(device) for values in (self.told, self.truth))
        return pixels.float().div_(255), told, truth


def look_at(
    pictures: Iterable[Picture],
    predictor: Predictor,
    looks: int,
    seed: int,
    tick: Callable[[], object] = lambda: None,
) -> EyeSamples:
    """Find faces from crops that are off as a tracker's are, and cut their eyes out; those that are not found are left
    out. `tick` is called after each picture.

    Raises:
        DataError: no face was found.
    """
    rows: list[tuple[UInt8, Float32, Float32]] = []
    for number, (image, label) in enumerate(pictures):
        rng = np.random.default_rng((seed, number))
        if label is not None:
            rows += [row for _ in range(looks) if (row := _eyes(rng, image, label, predictor)) is not None]
        tick()
    if not rows:
        raise DataError("the network found no face in any picture: are these shards of faces?")
    return EyeSamples(*(np.stack(column) for column in zip(*rows, strict=True)))


def _eyes(
    rng: np.random.Generator, image: UInt8, label: FaceLabel, predictor: Predictor
) -> tuple[UInt8, Float32, Float32] | None:
    crop = jitter_crop(rng, label.shape, upright_roll_rad(label.euler_rad), predictor.crop_size, AugmentConfig())
    (said,) = predictor.predict(image, [crop])
    size = float(np.ptp(label.shape, axis=0).max())
    if said.confidence < _SURE or np.linalg.norm(said.shape - label.shape, axis=1).mean() > _LOST * size:
        return None
    return eye_patches(image, said, MARGIN_PX), told_of(said), read_of(label.alpha_exp)


def train_eyes(
    training: EyeSamples,
    held_out: EyeSamples,
    config: EyeTrainConfig,
    progress: Callable[[int, dict[str, float]], object] = lambda done, values: None,
    minutes: float | None = None,
) -> tuple[EyeNetwork, dict[str, float]]:
    """Train; returns the averaged network and its errors (`errors_of`). Ctrl-C ends it with what was learned so far.

    Args:
        training, held_out: of different people.
        config: how.
        progress: called with the number of steps done since the last call, and the latest errors.
        minutes: stop after so long; the learning rate falls as if all steps were done by then.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    device = pick_device(config.device)
    network = EyeNetwork().to(device)
    average = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(network.parameters(), config.peak_lr, weight_decay=config.weight_decay)
    draws = torch.Generator(device).manual_seed(config.seed)
    begun, errors, stopped = time.monotonic(), {"gaze": math.nan, "lids": math.nan}, threading.Event()
    with on_interrupt(stopped.set):
        for step, rows in zip(range(config.steps), _batches(len(training), config), strict=False):
            share = step / config.steps if minutes is None else (time.monotonic() - begun) / (60 * minutes)
            if share >= 1 or stopped.is_set():
                break
            _set_rate(optimizer, config, step, share)
            patches, told, truth = training.batch(rows, device)
            with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device)):
                said = network(augmented(patches, draws), told)
            loss = (said.float() - truth).abs().mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            update_average(average, network, min(config.ema, (step + 1) / (step + 10)))
            if (step + 1) % config.every == 0:
                errors = errors_of(average, held_out)
                logger.info("step %d: %s", step + 1, ", ".join(f"{name} {value:.4f}" for name, value in errors.items()))
            progress(1, errors | {"loss": float(loss.detach())})
    return average.cpu(), errors_of(average.cpu(), held_out)


def _set_rate(optimizer: torch.optim.Optimizer, config: EyeTrainConfig, step: int, share: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = config.peak_lr * min(1.0, (step + 1) / config.warmup) * (1 + math.cos(math.pi * share)) / 2


def _batches(count: int, config: EyeTrainConfig) -> Iterator[np.ndarray]:
    """Rows of each batch, without end: an epoch shows every face once, but for a rest that fills no batch."""
    size = min(config.batch_size, count)
    for epoch in itertools.count():
        order = np.random.default_rng((config.seed, epoch)).permutation(count)
        yield from order[: count // size * size].reshape(-1, size)


def inner(patches: Tensor) -> Tensor:
    """Patches (B, 2, 3, h + 2 m, w + 2 m) without their margin."""
    return patches[..., MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]


def augmented(patches: Tensor, draws: torch.Generator) -> Tensor:
    """Move, turn and scale patches (B, 2, 3, h + 2 m, w + 2 m) a little, change light and sharpness, and take the
    margin off: what landmarks and cameras do. Both eyes of a face are seen by one camera."""
    faces, device = len(patches), patches.device

    def normal(*shape: int) -> Tensor:
        return torch.randn(faces, *shape, generator=draws, device=device)

    def some(share: float) -> Tensor:
        return (torch.rand(faces, 1, 1, 1, 1, generator=draws, device=device) < share).float()

    patches = _moved(patches, normal)
    patches = torch.lerp(patches, _softened(patches), some(0.3))
    gamma, gain = torch.exp(0.2 * normal(1, 1, 1, 1)), torch.exp(0.15 * normal(1, 1, 1, 1) + 0.06 * normal(1, 3, 1, 1))
    patches = (patches.clamp(1e-4, 1) ** gamma - 0.5) * gain + 0.5 + 0.06 * normal(1, 1, 1, 1)
    patches = torch.lerp(patches, patches.mean(2, keepdim=True).expand_as(patches), some(0.1))
    noise = some(0.3) * 0.05 * normal(1, 1, 1, 1).abs()
    patches = patches + noise * torch.randn(patches.shape, generator=draws, device=device)
    return patches.clamp(0, 1)


def _moved(patches: Tensor, normal: Callable[..., Tensor]) -> Tensor:
    """Turn both alike, a mirrored one the other way; shift each by itself."""
    width, height = PATCH_PX
    turn = 0.05 * normal(1) * torch.tensor([1.0, -1.0], device=patches.device) + 0.02 * normal(2)
    scale = torch.exp(0.06 * normal(1))
    size = torch.tensor([width, height], device=patches.device) / 2
    y, x = torch.meshgrid(
        torch.arange(height, device=patches.device) - (height - 1) / 2,
        torch.arange(width, device=patches.device) - (width - 1) / 2,
        indexing="ij",
    )
    cos, sin = (scale * torch.cos(turn))[..., None, None], (scale * torch.sin(turn))[..., None, None]
    shift = 1.2 * normal(2, 2)[..., None, None]
    at = torch.stack([cos * x - sin * y + shift[:, :, 0], sin * x + cos * y + shift[:, :, 1]], -1)
    grid = (at / (size + MARGIN_PX)).flatten(0, 1)
    moved = functional.grid_sample(patches.flatten(0, 1), grid, padding_mode="border", align_corners=False)
    return moved.unflatten(0, (-1, 2))


def _softened(patches: Tensor) -> Tensor:
    """Patches at a half of their resolution, as a farther camera sees them."""
    flat = patches.flatten(0, 1)
    small = functional.avg_pool2d(flat, 2)
    return functional.interpolate(small, flat.shape[2:], mode="bilinear", align_corners=False).view_as(patches)


@torch.no_grad()
def errors_of(network: EyeNetwork, samples: EyeSamples) -> dict[str, float]:
    """Mean absolute errors of the gaze shapes and of EyeClose, and those of the network of the whole face beside it.

    As coefficients: a gaze to one side is two of them, one of which is 0.
    """
    network.eval()
    device, said = next(network.parameters()).device, []
    for rows in np.array_split(np.arange(len(samples)), max(1, len(samples) // 512)):
        patches, told, _ = samples.batch(rows, device)
        said.append(network(inner(patches), told).cpu().numpy())
    errors: dict[str, float] = {}
    for suffix, read in (("", np.concatenate(said)), ("_told", read_of_told(samples.told))):
        away = np.abs(read - samples.truth)
        errors |= {f"gaze{suffix}": float(away[..., :2].mean()) / 2, f"lids{suffix}": float(away[..., 2].mean())}
    return errors


def facts_of(samples: EyeSamples, errors: dict[str, float], config: EyeTrainConfig) -> dict[str, Any]:
    """What a weights file says of its training."""
    return {"faces": len(samples), "steps": config.steps, "errors": {name: round(e, 4) for name, e in errors.items()}}
