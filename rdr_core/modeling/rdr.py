"""RDR: the whole network (Fig. 2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rdr_core.modeling.backbone import ResNet18
from rdr_core.modeling.confidence import Confidence
from rdr_core.modeling.deconv import Deconv
from rdr_core.modeling.dual_refinement import DualRefinement, Step
from rdr_core.modeling.expression_logits import logits_from_alpha
from rdr_core.modeling.parameter_init import ParameterInit

IMAGE_MEAN, IMAGE_STD = 0.45, 0.25
"""Pixels in [0, 1] are shifted and scaled by these, all channels alike."""


@dataclass(frozen=True)
class RdrOutput:
    """Everything that training and inference read."""

    alpha_id: Tensor
    """(B, I) standardised."""
    steps: list[Step]
    """K' + 1 states."""
    confidence_logit: Tensor
    """(B,)."""


class RDR(nn.Module):
    """Image -> initial 3D face -> K dual refinements."""

    identity_mean: Tensor
    identity_std: Tensor
    logit_mean: Tensor

    def __init__(
        self,
        backbone: ResNet18,
        deconv: Deconv,
        parameter_init: ParameterInit,
        refinement: DualRefinement,
        confidence: Confidence,
        crop_size: int,
    ) -> None:
        super().__init__()
        self.backbone, self.deconv, self.parameter_init = backbone, deconv, parameter_init
        self.refinement, self.confidence = refinement, confidence
        self.crop_size = crop_size
        projection = refinement.projection
        self.register_buffer("identity_mean", torch.zeros(projection.n_identity))
        self.register_buffer("identity_std", torch.ones(projection.n_identity))
        self.register_buffer("logit_mean", torch.full((projection.n_expressions,), -3.7))

    def set_statistics(
        self, pose_mean: Tensor, pose_std: Tensor, identity_mean: Tensor, identity_std: Tensor, alpha_exp_mean: Tensor
    ) -> None:
        """Standardise by the training set: (7,), (7,), (I,), (I,), (E,). Kept in checkpoints."""
        self.refinement.pose_mean.copy_(pose_mean)
        self.refinement.pose_std.copy_(pose_std)
        self.identity_mean.copy_(identity_mean)
        self.identity_std.copy_(identity_std)
        self.logit_mean.copy_(logits_from_alpha(alpha_exp_mean))  # zero logits would make alpha_0 = -22

    def forward(self, image: Tensor, steps: int | None = None) -> RdrOutput:
        """(B, 3, s, s) RGB in [0, 1] -> all states."""
        stages = self.backbone((image - IMAGE_MEAN) / IMAGE_STD)
        feature_map = self.deconv(stages)
        with torch.autocast(image.device.type, enabled=False):  # geometry needs single floats
            pool5 = stages[-1].mean((2, 3)).float()
            alpha_id, pose, logits = self.parameter_init(pool5)
            blendshapes = self.refinement.projection.blendshapes(self.identity_mean + self.identity_std * alpha_id)
            states = self.refinement(feature_map.float(), blendshapes, pose, self.logit_mean + logits, steps)
            return RdrOutput(alpha_id, states, self.confidence(pool5))
