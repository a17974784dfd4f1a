"""M(Q)^{v}: landmarks of the projected 3D face (Eq. 1 to 4), differentiable.

n: vertices of the landmark subset (488 and the head's own points).
Crop units: the crop's sides run from 0 to 1, x right, y down.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.geometry.silhouette import contour_on_lines
from rdr_core.geometry.weak_perspective import project
from rdr_core.landmarks import INNER

N_POSE = 7
"""P = pitch, yaw, roll (rad), t_x, t_y, t_z (crop units; t_z is unobservable), f (crop units per cm)."""
POSE_OBSERVABLE = (True, True, True, True, True, False, True)
_MIN_SCALE = 1e-3


class FaceProjection(nn.Module):
    """The face model's landmark subset as constants of the network."""

    vertex_factor: Tensor
    core: Tensor
    lines: Tensor
    inner: Tensor
    own: Tensor

    def __init__(self, model: DynamicExpressionModel) -> None:
        super().__init__()
        tensor = model.landmark_tensor
        self.n_vertices, self.n_identity, self.n_expressions = (
            tensor.n_vertices,
            tensor.n_identity,
            tensor.n_expressions,
        )
        self.register_buffer("vertex_factor", torch.from_numpy(tensor.vertex_factor), persistent=False)
        self.register_buffer("core", torch.from_numpy(tensor.core), persistent=False)
        self.register_buffer("lines", torch.from_numpy(model.topology.lines_in_subset), persistent=False)
        self.register_buffer("inner", torch.from_numpy(model.topology.landmarks_in_subset[INNER]), persistent=False)
        self.register_buffer("own", torch.from_numpy(model.topology.own_in_subset), persistent=False)

    def identity_extent(self) -> Tensor:
        """(I,) how far one unit of each coefficient moves the neutral's vertices, mean square, cm^2."""
        return (self.vertex_factor @ self.core[:, :, 0]).square().sum(0) / self.n_vertices

    def blendshapes(self, alpha_id: Tensor) -> Tensor:
        """B = C_B x2 alpha_id, Eq. (2), left in factors: (B, I) -> (B, R, E + 1), slice 0 neutral, others offsets
        from it.

        The vertex factor that turns it into vertices is the same for all faces and waits until expressions are summed
        up: B itself, 3n x (E + 1) for every face, is never needed.
        """
        rank = self.core.shape[0]
        core = alpha_id @ self.core.transpose(0, 1).reshape(self.n_identity, -1)
        return core.reshape(-1, rank, self.n_expressions + 1)

    def vertices(self, blendshapes: Tensor, pose: Tensor, alpha_exp: Tensor) -> Tensor:
        """Pi_f F of the subset, Eq. (1, 3): (B, n, 3) x, y and depth (larger is nearer), crop units."""
        weights = blendshapes[..., 0] + (blendshapes[..., 1:] @ alpha_exp[..., None]).squeeze(-1)
        face = weights @ self.vertex_factor.T
        scale = pose[:, 6].clamp_min(_MIN_SCALE)
        return project(face.reshape(-1, self.n_vertices, 3), pose[:, :3], pose[:, 3:5], scale)

    def projected_shape(self, vertices: Tensor) -> Tensor:
        """S_p, Eq. (4): (B, n, 3) -> (B, L, 2), the jaw on the visible contour (Sec. 4.5)."""
        lines = vertices[:, self.lines.flatten(), :2].reshape(-1, *self.lines.shape, 2)
        step, weight = contour_on_lines(lines.detach())  # which vertices is discrete, where they are is not
        index = step[..., None, None].expand(-1, -1, 1, 2)
        first, second = lines.gather(2, index).squeeze(2), lines.gather(2, index + 1).squeeze(2)
        contour = first + weight[..., None] * (second - first)
        inner = vertices[:, self.inner, :2]
        return torch.cat([contour, inner], dim=1)

    def landmarks_3d(self, vertices: Tensor) -> Tensor:
        """The head's own 68 points, hidden or not: (B, n, 3) -> (B, L, 3)."""
        return vertices[:, self.own]
