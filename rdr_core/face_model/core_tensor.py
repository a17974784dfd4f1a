"""The core tensor C_B of Eq. (2), kept as Tucker factors.

N: number of vertices.  R: rank of the vertex mode.  I: identity dimensions (50).  E: expressions (46); slice 0 is the
neutral.
C_B[n, i, e] = sum_r vertex_factor[n, r] core[r, i, e] is 3N x I x (E + 1). Slice 0 holds the neutral face, slice e >
0 the offset of expression e from it: the same span as absolute blendshapes (Eq. 7 closes the sum to 1), without their
rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rdr_core.errors import AssetError
from rdr_core.types import Float32


@dataclass(frozen=True, eq=False)
class CoreTensor:
    """C_B in Tucker form, model frame, cm."""

    vertex_factor: Float32
    """(3N, R) rows x0 y0 z0 x1 y1 z1 ..."""
    core: Float32
    """(R, I, E + 1)."""

    def __post_init__(self) -> None:
        factor, core = self.vertex_factor.shape, self.core.shape
        if len(factor) != 2 or len(core) != 3 or factor[0] % 3 or factor[1] != core[0]:
            raise AssetError(f"a core tensor needs factors (3N, R) and (R, I, E + 1), got {factor} and {core}")

    @property
    def n_vertices(self) -> int:
        return self.vertex_factor.shape[0] // 3

    @property
    def n_identity(self) -> int:
        return self.core.shape[1]

    @property
    def n_expressions(self) -> int:
        return self.core.shape[2] - 1

    def rows(self, vertices: npt.NDArray[np.integer]) -> CoreTensor:
        """Return the core tensor of some vertices only, (n,) indices."""
        factor = self.vertex_factor.reshape(self.n_vertices, 3, -1)[vertices]
        return CoreTensor(np.ascontiguousarray(factor.reshape(3 * len(vertices), -1)), self.core)

    def contract_identity(self, alpha_id: Float32) -> tuple[Float32, Float32]:
        """C_B x2 alpha_id, Eq. (2): (I,) -> neutral (N, 3) and expression offsets (E, N, 3), cm."""
        slices = np.tensordot(self.core, alpha_id, axes=(1, 0)).T @ self.vertex_factor.T  # each slice in one block
        slices = slices.reshape(self.n_expressions + 1, self.n_vertices, 3)
        return slices[0], slices[1:]


def decompose(neutrals: Float32, offsets: Float32, n_identity: int) -> tuple[Float32, Float32]:
    """HOSVD along the identity mode only, so that expression slices stay blendshapes.

    Args:
        neutrals: (S, 3N) neutral faces of S identities, cm.
        offsets: (S, E, 3N) offsets of their expressions from the neutral, cm.
        n_identity: how many identity dimensions to keep.

    Returns:
        dense C_B (3N, I, E + 1), slice 0 neutral and the others offsets, and the identities' coefficients (S, I), whose
        columns have mean square 1 (the first is nearly constant: the mean face).
    """
    n_samples, n_expressions, _ = offsets.shape
    if not 0 < n_identity <= n_samples:
        raise AssetError(f"cannot keep {n_identity} identity dimensions of {n_samples} faces")
    gram = neutrals.astype(np.float64) @ neutrals.T.astype(np.float64)  # the neutral slice
    for expression in range(n_expressions):  # absolute shapes, as in FaceWarehouse's tensor
        shapes = (neutrals + offsets[:, expression]).astype(np.float64)
        gram += shapes @ shapes.T
    _, vectors = np.linalg.eigh(gram)
    alpha_id = vectors[:, ::-1][:, :n_identity] * np.sqrt(n_samples)
    alpha_id *= np.where(alpha_id.sum(axis=0) < 0, -1, 1)
    alpha_id = alpha_id.astype(np.float32)
    slices = np.concatenate([neutrals[:, None], offsets], axis=1)  # (S, E + 1, 3N)
    dense = np.einsum("si,sev->vie", alpha_id / n_samples, slices, optimize=True)
    return dense, alpha_id


def compress(dense: Float32, rank: int) -> CoreTensor:
    """Truncate the vertex mode of a dense C_B (3N, I, E + 1) to `rank`: the best approximation in the least squares
    sense."""
    unfolded = dense.reshape(dense.shape[0], -1)
    _, vectors = np.linalg.eigh((unfolded.T @ unfolded).astype(np.float64))
    basis = vectors[:, ::-1][:, :rank].astype(np.float32)
    factor = unfolded @ basis
    spread = np.maximum(np.sqrt((factor**2).mean(axis=0)), 1e-12)  # unit columns: half floats keep their precision
    core = (basis * spread).T.reshape(-1, *dense.shape[1:])
    return CoreTensor(np.ascontiguousarray(factor / spread), np.ascontiguousarray(core))
