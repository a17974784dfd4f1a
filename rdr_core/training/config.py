"""How to train, and the two recipes: the paper's and ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from rdr_core.data.augment import AugmentConfig
from rdr_core.errors import ConfigError
from rdr_core.modeling.build import Preset
from rdr_core.training.losses import LossConfig

Recipe = Literal["ours", "paper"]


@dataclass(frozen=True)
class TrainConfig:
    """How to train."""

    steps: int = 8000
    """Optimiser steps in all."""
    batch_size: int = 32
    """Crops a step, those of all processes together (the paper: 8)."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """SGD with momentum as the paper, or AdamW."""
    peak_lr: float = 0.01
    """Learning rate after warm-up (the paper: 0.001 at batch 8); a few thousandths for AdamW."""
    warmup: int = 300
    """Steps of linear warm-up."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """What the learning rate does after the warm-up."""
    momentum: float = 0.9
    """Of SGD."""
    weight_decay: float = 5e-4
    """On weights of two and more dimensions."""
    clip_norm: float = 5.0
    """Gradients are clipped to this norm."""
    ema: float = 0.998
    """Decay of the running average of weights that is validated and shipped; 0 for none."""
    curriculum: int = 0
    """Steps over which the refinement grows from its first step to all K; 0 refines in full from the beginning."""
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
        if min(self.workers, self.threads, self.curriculum) < 0:
            raise ConfigError(
                "workers, threads and curriculum are not negative, got "
                f"{self.workers}, {self.threads} and {self.curriculum}"
            )
        if not 0 <= self.ema < 1 or not 0 <= self.no_face < 1 or self.peak_lr <= 0:
            raise ConfigError(
                f"ema and no_face lie in [0, 1), peak_lr is positive, got {self.ema}, {self.no_face}, {self.peak_lr}"
            )


_OURS: Final = TrainConfig(steps=12500, optimizer="adamw", peak_lr=2e-3, weight_decay=0.02, ema=0.999)
_PAPER_LOSS: Final = LossConfig(
    pose_weight=1.0,
    expression_weight=1.0,
    expression_norm="l2",
    fitted_weight=1.0,
    span_weight=0.0,
    shape_teaches_face=True,
    own_weight=0.0,
    identity_weight=1.0,
    identity_norm="coefficients",
    landmark_norm="l2",
)
_PAPER: Final = TrainConfig(
    steps=60000,
    batch_size=8,
    optimizer="sgd",
    peak_lr=1e-3,
    warmup=1,
    schedule="constant",
    weight_decay=0.0,
    ema=0.0,
    bf16=False,
    loss=_PAPER_LOSS,
)

RECIPES: Final[dict[Recipe, dict[Preset, TrainConfig]]] = {
    "ours": {"live": _OURS, "paper": _OURS},
    "paper": {"live": _PAPER, "paper": _PAPER},
}
"""`paper`: SGD with momentum 0.9, batch 8, learning rate 1e-3 (Sec. 5.1), squared losses; what the paper leaves open
(schedule, decay, lambda, beta) is as plain as can be. `ours`: what was measured to be better (docs/training.md)."""
