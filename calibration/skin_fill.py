"""What no frame shows of a skin: from the other half of the face, else the person's colour carried on.

Colours go on over the mesh as smoothly as can be, across the cuts of the texture, too (a membrane: Perez et al.,
"Poisson Image Editing", 2003); fine detail comes from the skin that fills, and so do hair and clothes.

n: texels.  N: vertices of the mesh.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from calibration.skin_hair import Layers, brows, tinted_hair
from calibration.texels import Texels
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.face_model.topology import mesh_edges
from rdr_core.geometry.smoothstep import smoothstep
from rdr_core.types import Float32

_DARK: Final = 6.0
"""Added before logarithms: noise in the dark tells no ratio."""
_FEATHER: Final = 0.006
"""Spread of what goes over into each other, share of the texture's side."""
_AROUND_HAIR: Final = 0.016
"""So far about hair, share of the side, is its shadow, and hair in other frames."""
_MIRRORED: Final = 0.7
"""The other half counts so much as what was seen itself."""
_DETAIL: Final = 0.01
"""What is finer counts as detail."""
_DETAIL_KEPT: Final = 0.5
_MOST_DETAIL: Final = 0.12
"""In logarithms; nostrils and creases of another face are no detail."""
_BARE: Final = (-0.5, -0.3)
"""From the one, in logarithms over the usual colour of the face, it begins to be bare skin, from the other it is."""
_STIFF: Final = 0.5
"""How much a vertex's neighbours count beside what was seen there."""
_USUAL: Final = 1e-4
"""How much the mean colour counts where nothing is near."""


def fill(model: DynamicExpressionModel, texels: Texels, colors: Float32, trust: Float32, base: Float32) -> Float32:
    """(n, 3) colours seen, (n,) 0..1 how far they are to be believed, (n, 3) another skin -> (n, 3) a whole skin."""
    seen, usual = (np.log(np.maximum(layer, 0) + _DARK) for layer in (colors, base))
    own, other = Layers.of(model, texels, seen, trust), Layers.of(model, texels, usual, np.ones_like(trust))
    skin_trust = _feathered(texels, trust * (1 - texels.spread(trust * own.foreign, _AROUND_HAIR)))
    mirrored = skin_trust[texels.mirrored] * _MIRRORED * (1 - skin_trust)
    known = (skin_trust + mirrored)[:, None]
    both = (skin_trust[:, None] * seen + mirrored[:, None] * seen[texels.mirrored]) / np.maximum(known, 1e-6)
    bare = smoothstep(*_BARE, (both - own.skin).mean(axis=1))  # no brow, no beard: neither goes on as skin does
    smooth = texels.of_vertices(_membrane(model, texels, both, known[:, 0] * bare))
    detail = usual - texels.blurred(usual, 1.001 - other.hair, _DETAIL)
    detail = _DETAIL_KEPT * np.clip(detail, -_MOST_DETAIL, _MOST_DETAIL)
    skin = smooth + _mixed(detail, usual - other.skin, brows(model, texels))
    hair = tinted_hair(usual, other, smooth, seen, trust, own)
    around = _mixed(_mixed(skin, hair, other.hair), usual, other.cloth)
    return np.exp(_mixed(around, both, known[:, 0])) - _DARK


def _mixed(first: Float32, second: Float32, share: Float32) -> Float32:
    """(n, 3), (n, 3) and (n,) share of the second."""
    return first + share[:, None] * (second - first)


def _feathered(texels: Texels, trust: Float32) -> Float32:
    """Fade trust out inside of where it ends."""
    return np.minimum(trust, texels.blurred(trust[:, None], np.ones_like(trust), _FEATHER)[:, 0]) ** 2


def _membrane(model: DynamicExpressionModel, texels: Texels, seen: Float32, known: Float32) -> Float32:
    """(N, 3) colours as seen where they are known, carried on elsewhere."""
    n_vertices = model.tensor.n_vertices
    vertex = texels.corners[np.arange(len(known)), texels.weights.argmax(axis=1)]
    weight = np.bincount(vertex, known, n_vertices)
    summed = np.stack([np.bincount(vertex, known * seen[:, c], n_vertices) for c in range(3)], axis=1)
    mean, value = summed.sum(axis=0) / max(weight.sum(), 1e-9), summed / np.maximum(weight, 1e-9)[:, None]
    share = np.minimum(weight, 1)
    edges = mesh_edges(model.topology.triangles)
    beside = sparse.coo_array((np.full(len(edges), _STIFF), edges.T), shape=(n_vertices, n_vertices))
    beside = (beside + beside.T).tocsc()
    system = sparse.diags_array(beside.sum(axis=1) + share + _USUAL) - beside
    return splu(system.tocsc()).solve(share[:, None] * value + _USUAL * mean).astype(np.float32)
