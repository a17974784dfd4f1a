"""Deformation transfer: what must come out exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdr_core.geometry.deformation_transfer import DeformationTransfer, deformation_gradients
from rdr_core.geometry.rotation import matrix_from_euler

N = 9


def sheet(bump: float, stretch: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """(81, 3) bent square, 4 cm wide, and its triangles."""
    x, y = np.meshgrid(np.linspace(-2, 2, N), np.linspace(-2, 2, N))
    z = bump * np.cos(x) * np.cos(0.7 * y)
    vertices = np.stack([stretch * x, y, z], axis=-1).reshape(-1, 3)
    index = np.arange(N * N).reshape(N, N)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    return vertices, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


SOURCE, TRIANGLES = sheet(0.5)
TARGET, _ = sheet(-0.8, stretch=1.4)
FREE = np.zeros(N * N, bool)


def centred(vertices: np.ndarray) -> np.ndarray:
    return vertices - vertices.mean(axis=0)


def transferred(deformed: np.ndarray, anchored: np.ndarray = FREE) -> np.ndarray:
    gradients = deformation_gradients(SOURCE, deformed, TRIANGLES)
    return DeformationTransfer(TARGET, TRIANGLES, anchored).apply(gradients)


def test_no_deformation_leaves_the_target() -> None:
    np.testing.assert_allclose(transferred(SOURCE), TARGET, atol=1e-4)


@settings(max_examples=15)
@given(st.tuples(st.floats(-1.4, 1.4), st.floats(-3, 3), st.floats(-3, 3)).map(np.array))
def test_rotation_of_the_source_rotates_the_target(euler: np.ndarray) -> None:
    rotation = matrix_from_euler(euler)
    moved = SOURCE @ rotation.T + [1.0, -2.0, 3.0]
    np.testing.assert_allclose(centred(transferred(moved)), centred(TARGET @ rotation.T), atol=1e-3)


@pytest.mark.parametrize("scale", [0.3, 1.7])
def test_scaling_of_the_source_scales_the_target(scale: float) -> None:
    np.testing.assert_allclose(centred(transferred(scale * SOURCE)), scale * centred(TARGET), atol=1e-3)


def test_own_deformation_comes_back() -> None:
    """Source and target the same: the deformed source, whatever it is."""
    rng = np.random.default_rng(0)
    deformed = SOURCE + 0.2 * np.sin(SOURCE @ rng.normal(size=(3, 3)))
    gradients = deformation_gradients(SOURCE, deformed, TRIANGLES)
    found = DeformationTransfer(SOURCE, TRIANGLES, FREE).apply(gradients)
    np.testing.assert_allclose(centred(found), centred(deformed), atol=1e-3)


def test_anchored_vertices_stay() -> None:
    anchored = FREE.copy()
    anchored[:N] = True  # one edge of the sheet
    lifted = SOURCE.copy()
    lifted[:, 2] += 0.3 * np.maximum(SOURCE[:, 1], 0)
    found = transferred(lifted, anchored)
    assert np.abs(found[anchored] - TARGET[anchored]).max() < 0.02
    assert (found - TARGET)[-N:, 2].mean() > 0.3
