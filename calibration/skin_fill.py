"""What no frame shows of a skin: from the other half of the face, else from another skin in the person's tone.

How the person's tone differs from that of the other skin is known where they were seen, and goes on over the mesh from
there as smoothly as can be (a membrane, as in Perez et al., "Poisson Image Editing", 2003), across the cuts of the
texture, too.

n: texels.  N: vertices of the mesh.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from calibration.skin_light import DARK
from calibration.texels import Texels
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.face_model.topology import mesh_edges
from rdr_core.types import Float32

_LOW: Final = 0.008
"""Spread of the tone, share of the texture's side."""
_STIFF: Final = 3.0
"""How much a vertex's neighbours count beside what was seen there."""
_USUAL: Final = 1e-3
"""How much the mean tone counts where nothing is near."""
_FEATHER: Final = 0.006
_MIRRORED: Final = 0.7
"""The other half counts so much as what was seen itself."""


def fill(
    model: DynamicExpressionModel, texels: Texels, colors: Float32, trust: Float32, base: Float32
) -> Float32:
    """(n, 3) colours seen, (n,) 0..1 how far they are to be believed, (n, 3) another skin -> (n, 3) a whole skin."""
    trust = np.minimum(trust, texels.blurred(trust[:, None], np.ones_like(trust), _FEATHER)[:, 0])
    other = trust[texels.mirrored] * _MIRRORED * (1 - trust)
    known = trust + other
    colors = (trust[:, None] * colors + other[:, None] * colors[texels.mirrored]) / np.maximum(known, 1e-6)[:, None]
    tone = texels.of_vertices(_tone(model, texels, colors, known, base))
    usual = (base + DARK) * np.exp(tone) - DARK
    return known[:, None] * colors + (1 - known[:, None]) * usual


def _tone(
    model: DynamicExpressionModel, texels: Texels, colors: Float32, known: Float32, base: Float32
) -> Float32:
    """(N, 3) logarithm of the person's skin over the other one, low frequencies."""
    n_vertices = model.tensor.n_vertices
    low = (texels.blurred(layer, known, _LOW) for layer in (colors, base))
    seen, usual = low
    ratio = np.log((np.maximum(seen, 0) + DARK) / (np.maximum(usual, 0) + DARK))
    nearest = np.arange(len(known)), texels.weights.argmax(axis=1)
    vertex = texels.corners[nearest]
    weight = np.bincount(vertex, known, n_vertices)
    summed = np.stack([np.bincount(vertex, known * ratio[:, c], n_vertices) for c in range(3)], axis=1)
    share = np.minimum(weight, 1)
    mean = summed.sum(axis=0) / max(weight.sum(), 1e-9)
    value = summed / np.maximum(weight, 1e-9)[:, None]
    edges = mesh_edges(model.topology.triangles)
    ones = np.full(len(edges), _STIFF)
    beside = sparse.coo_array((ones, edges.T), shape=(n_vertices, n_vertices))
    beside = (beside + beside.T).tocsc()
    system = sparse.diags_array(beside.sum(axis=1) + share + _USUAL) - beside
    return splu(system.tocsc()).solve(share[:, None] * value + _USUAL * mean).astype(np.float32)
