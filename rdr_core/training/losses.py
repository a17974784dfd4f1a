"""Losses of RDR: Eq. (5), (8), (9), (10), each block in units of the training set."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final, Literal

import torch
from torch import Tensor
from torch.nn import functional

from rdr_core.errors import ConfigError
from rdr_core.landmarks import SPANS
from rdr_core.modeling.c_lstm import NoCompensator
from rdr_core.modeling.dual_refinement import Step
from rdr_core.modeling.expression_logits import TARGET_MARGIN, alpha_from_logits
from rdr_core.modeling.face_projection import POSE_OBSERVABLE
from rdr_core.modeling.rdr import RDR, RdrOutput
from rdr_core.training.batches import Batch


@dataclass(frozen=True)
class LossConfig:
    """Trade-offs of Eq. (9, 10), which the paper does not give."""

    pose_weight: float = 0.5
    """lambda of the pose: against landmarks."""
    expression_weight: float = 15.0
    """lambda of the expression."""
    expression_norm: Literal["l2", "kl"] = "kl"
    """The paper squares differences of alpha_exp (l2), whose gradient dies away with the sigmoid's; kl is the cross
    entropy less that of a perfect answer."""
    fitted_weight: float = 0.03
    """Of expression and identity where they were fitted to landmarks, against 1 where they are known."""
    own_weight: float = 0.5
    """Of the head's own points, hidden ones included, against S_p."""
    span_weight: float = 2.0
    """Of the offsets between lids, lips, brows and eyes in S_p: small among 68 landmarks, yet what expressions are seen
    by (after the eye closure loss of Feng et al., "DECA", 2021)."""
    shape_weight: float = 1.0
    """beta: S against S_p."""
    shape_teaches_face: bool = False
    """Whether Eq. (10) teaches the 3D face besides what is added to it. Squared errors of S hardly move S_p where S is
    right; under l1 they push it to and fro by their sign, as hard as its own errors do."""
    identity_weight: float = 1.0
    """Of alpha_id within L_d (Eq. 5)."""
    identity_norm: Literal["coefficients", "shape"] = "shape"
    """Whether coefficients count alike (Eq. 5), or each as far as it moves the face: six of the fifty make four fifths
    of what people differ by."""
    confidence_weight: float = 0.1
    """Of the cross entropy of the confidence."""
    landmark_unit: float = 0.02
    """Landmark errors are measured in this share of the crop."""
    landmark_norm: Literal["l1", "l2", "smooth_l1", "wing"] = "l1"
    """The paper squares landmark errors (l2); the mean distance that is reported falls faster under l1. smooth_l1 is
    squared within one unit; wing (Feng et al. 2018) pulls hardest at small errors."""

    def __post_init__(self) -> None:
        weights = [value for name, value in asdict(self).items() if name.endswith("_weight")]
        if min(weights) < 0 or self.landmark_unit <= 0:
            raise ConfigError(f"loss weights are not negative and the landmark unit is positive, got {self}")


class RdrLoss:
    """L_d + L_RDR + confidence, over the rows that show a face."""

    def __init__(self, network: RDR, config: LossConfig, alpha_exp_std: float) -> None:
        """`alpha_exp_std`: spread of alpha_exp in the training set, one number for the block."""
        self.network, self.config, self.alpha_exp_std = network, config, alpha_exp_std
        extent = network.refinement.projection.identity_extent().detach()
        self.identity_extent = torch.ones_like(extent) if config.identity_norm == "coefficients" else extent
        self.observable = torch.tensor(POSE_OBSERVABLE, dtype=torch.float32)

    def __call__(self, output: RdrOutput, batch: Batch, faces: Tensor | None = None) -> dict[str, Tensor]:
        """Return the terms; `total` is to be minimised.

        Args:
            faces: () rows with a face to divide by, where the batch is a part of a larger one: the mean of all parts.
        """
        faces = batch.is_face.sum() if faces is None else faces
        weight = batch.is_face / faces.clamp_min(1e-6)
        refinement = self.network.refinement
        pose = (batch.pose - refinement.pose_mean) / refinement.pose_std
        identity = (batch.alpha_id - self.network.identity_mean) / self.network.identity_std
        certainty = 1 - (1 - self.config.fitted_weight) * batch.fitted
        steps, none = output.steps, torch.zeros_like(batch.is_face)
        spans = _spans(batch.shape)
        terms = {
            "pose": sum((self._pose(step, pose) for step in steps), none),
            "expression": certainty * sum((self._expression(step, batch.alpha_exp) for step in steps), none),
            "identity": certainty * self._identity(output.alpha_id, identity),
            "projected": sum((self._landmarks(step.projected_shape, batch.shape) for step in steps), none),  # Eq. (8)
            "span": sum((self._landmarks(_spans(step.projected_shape), spans) for step in steps), none),
            "own": sum((self._landmarks(self._own(step), batch.own) for step in steps), none),
            "shape": sum((self._landmarks(self._shape(step), batch.shape) for step in self._compensated(steps)), none),
        }
        means = {name: (term * weight).sum() for name, term in terms.items()}
        means["confidence"] = functional.binary_cross_entropy_with_logits(output.confidence_logit, batch.is_face)
        c = self.config
        means["total"] = (
            means["projected"]
            + c.span_weight * means["span"]
            + c.own_weight * means["own"]
            + c.shape_weight * means["shape"]
            + c.pose_weight * means["pose"]
            + c.expression_weight * means["expression"]
            + c.identity_weight * means["identity"]
            + c.confidence_weight * means["confidence"]
        )
        return means

    def _compensated(self, steps: list[Step]) -> list[Step]:
        """Steps in which a C-LSTM moved the landmarks; without one, L_3D (Eq. 9) is all there is."""
        return [] if isinstance(self.network.refinement.c_lstm, NoCompensator) else steps[1:]

    def _shape(self, step: Step) -> Tensor:
        """S, (B, L, 2)."""
        if self.config.shape_teaches_face:
            return step.shape
        return step.shape + (step.projected_shape.detach() - step.projected_shape)  # its value, without S_p's gradient

    def _pose(self, step: Step, target: Tensor) -> Tensor:
        mask = self.observable.to(target.device)  # t_z is unobservable
        return ((step.pose - target).square() * mask).sum(1) / mask.sum()

    def _identity(self, alpha_id: Tensor, target: Tensor) -> Tensor:
        """Standardised (B, I) -> (B,), 1 where everybody is told to be the mean."""
        share = self.identity_extent.to(target.device)
        if self.config.identity_norm == "shape":
            share = share * self.network.identity_std.square()
        return (alpha_id - target).square() @ (share / share.sum())

    def _expression(self, step: Step, target: Tensor) -> Tensor:
        target = target.clamp(TARGET_MARGIN, 1 - TARGET_MARGIN)
        if self.config.expression_norm == "kl":
            logits = step.alpha_exp_logits
            surprise = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
            return (surprise - functional.binary_cross_entropy(target, target, reduction="none")).mean(1)
        return ((alpha_from_logits(step.alpha_exp_logits) - target) / self.alpha_exp_std).square().mean(1)

    def _own(self, step: Step) -> Tensor:
        return self.network.refinement.projection.landmarks_3d(step.vertices)[..., :2]

    def _landmarks(self, shape: Tensor, target: Tensor) -> Tensor:
        error = (shape - target) / self.config.landmark_unit
        return _NORMS[self.config.landmark_norm](error).mean((1, 2))


def _spans(shape: Tensor) -> Tensor:
    """(B, 68, 2) landmarks -> (B, n, 2) offsets from the first to the second of each pair."""
    return shape[:, SPANS[:, 1]] - shape[:, SPANS[:, 0]]


def _wing(error: Tensor) -> Tensor:
    """w ln(1 + |x| / epsilon) up to |x| = w, then linear: w of 2 units, epsilon of 0.5."""
    size, width, bend = error.abs(), 2.0, 0.5
    return torch.where(size < width, width * torch.log1p(size / bend), size - width + width * math.log1p(width / bend))


_NORMS: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "l1": Tensor.abs,
    "l2": Tensor.square,
    "smooth_l1": lambda error: functional.smooth_l1_loss(error, torch.zeros_like(error), reduction="none"),
    "wing": _wing,
}
