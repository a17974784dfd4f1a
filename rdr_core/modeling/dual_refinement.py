"""Recurrent dual 3D-2D refinement (Sec. 4.3, Algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rdr_core.errors import ConfigError
from rdr_core.modeling.c_lstm import CompensatorLSTM, NoCompensator
from rdr_core.modeling.expression_logits import alpha_from_logits
from rdr_core.modeling.face_projection import N_POSE, POSE_OBSERVABLE, FaceProjection
from rdr_core.modeling.pe_lstm import PoseExpLSTM
from rdr_core.modeling.shape_indexed_feature import ShapeIndexedFeature


@dataclass(frozen=True)
class Step:
    """State after step k (k = 0: the initial face)."""

    pose: Tensor
    """(B, 7) P^k, standardised."""
    alpha_exp_logits: Tensor
    """(B, E) x^k."""
    projected_shape: Tensor
    """(B, L, 2) S_p^k, crop units."""
    shape: Tensor
    """(B, L, 2) S^k, crop units."""
    vertices: Tensor
    """(B, n, 3) projected subset of the mesh, crop units."""


class DualRefinement(nn.Module):
    """PE-LSTM and C-LSTM over K steps; both read Phi(D, S^{k-1}), the PE-LSTM maybe also S^{k-1} - S_p^{k-1}."""

    pose_mean: Tensor
    pose_std: Tensor
    pose_mask: Tensor

    def __init__(
        self,
        projection: FaceProjection,
        phi: ShapeIndexedFeature,
        pe_lstm: PoseExpLSTM,
        c_lstm: CompensatorLSTM | NoCompensator,
        steps: int,
    ) -> None:
        super().__init__()
        self.projection, self.phi, self.pe_lstm, self.c_lstm, self.steps = projection, phi, pe_lstm, c_lstm, steps
        self.register_buffer("pose_mean", torch.zeros(N_POSE))
        self.register_buffer("pose_std", torch.ones(N_POSE))
        self.register_buffer("pose_mask", torch.tensor(POSE_OBSERVABLE, dtype=torch.float32), persistent=False)

    def denormalise(self, pose: Tensor) -> Tensor:
        """Standardised P -> rad and crop units; t_z stays at its mean and gets no gradient."""
        return self.pose_mean + self.pose_std * (pose * self.pose_mask)

    def face(self, blendshapes: Tensor, pose: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """M(Q): projected vertices (B, n, 3) and S_p (B, L, 2)."""
        vertices = self.projection.vertices(blendshapes, self.denormalise(pose), alpha_from_logits(logits))
        return vertices, self.projection.projected_shape(vertices)

    def forward(
        self, feature_map: Tensor, blendshapes: Tensor, pose: Tensor, logits: Tensor, steps: int | None = None
    ) -> list[Step]:
        """Refine from (P, x)^0.

        Args:
            feature_map: (B, C, h, w) D of deconv5.
            blendshapes: (B, R, E + 1) of this face, as `FaceProjection.blendshapes` gives them.
            pose: (B, 7) P^0, standardised.
            logits: (B, E) x^0.
            steps: how many of the K steps to run; a prefix gives the same states.

        Returns:
            K' + 1 states, the initial one first.
        """
        steps = self.steps if steps is None else steps
        if not 0 <= steps <= self.steps:
            raise ConfigError(f"this network has {self.steps} refinement steps, {steps} were asked for")
        vertices, projected = self.face(blendshapes, pose, logits)
        states = [Step(pose, logits, projected, projected, vertices)]
        pe_state, c_state = self.pe_lstm.start(pose), self.c_lstm.start(pose)
        for k in range(steps):
            phi = self.phi(feature_map, states[-1].shape.detach())
            compensation = (states[-1].shape - states[-1].projected_shape).detach()
            update, pe_state = self.pe_lstm.update(k, phi, compensation, pe_state)
            delta_pose, delta_logits = self.pe_lstm.split(update)
            pose, logits = pose + delta_pose, logits + delta_logits
            vertices, projected = self.face(blendshapes, pose, logits)
            delta_shape, c_state = self.c_lstm(k, phi, c_state)
            states.append(Step(pose, logits, projected, projected + delta_shape, vertices))  # Eq. (6)
        return states
