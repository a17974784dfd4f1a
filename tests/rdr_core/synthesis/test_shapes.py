"""Solids: closed, turned the right way out, of the right size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.synthesis.shapes import Solid, box, ellipsoid, join, sheet, tube
from rdr_core.types import Float32

TURN = np.linspace(0, 2 * np.pi, 48, endpoint=False)
CIRCLE = np.stack([5 * np.cos(TURN), 5 * np.sin(TURN), 0 * TURN], axis=1)
SOLIDS = {
    "bar": (lambda: tube(np.array([[0, 0, 0], [0, 0, 5], [0, 0, 10]]), 1.0, 24), np.pi * 10 + 4 / 3 * np.pi, 0.03),
    "bar upward": (lambda: tube(np.array([[0, 0, 0], [0, 9, 0]]), 1.0, 24), np.pi * 9 + 4 / 3 * np.pi, 0.03),
    "bar sideways": (lambda: tube(np.array([[0, 0, 0], [9, 0, 0]]), 1.0, 24), np.pi * 9 + 4 / 3 * np.pi, 0.03),
    "ring": (lambda: tube(CIRCLE, 0.5, 16, ring=True), 2 * np.pi * 5 * np.pi * 0.25, 0.04),
    "flat bar": (
        lambda: tube(np.array([[0, 0, 0], [0, 0, 30]]), np.array([[1, 0.2], [1, 0.2]]), 24), np.pi * 0.2 * 30, 0.03
    ),
    "ellipsoid": (lambda: ellipsoid(np.array([1, 2, 3]), 30, 40), 4 / 3 * np.pi * 6, 0.02),
    "box": (lambda: box(np.array([1, 2, 3]), 0.2), 48.0, 0.03),
}  # fmt: skip


def volume_cm3(solid: Solid) -> float:
    """Positive where the triangles are counter-clockwise from outside."""
    a, b, c = (solid.vertices[solid.triangles[:, k]].astype(np.float64) for k in range(3))
    return float((np.cross(a, b) * c).sum() / 6)


def face_normals(solid: Solid) -> tuple[Float32, Float32]:
    a, b, c = (solid.vertices[solid.triangles[:, k]].astype(np.float64) for k in range(3))
    normal = np.cross(b - a, c - a)
    area = np.linalg.norm(normal, axis=1)
    return normal / np.maximum(area, 1e-12)[:, None], area


@pytest.mark.parametrize("name", SOLIDS)
def test_volume_is_right_and_outward(name: str) -> None:
    make, expected, within = SOLIDS[name]
    assert volume_cm3(make()) == pytest.approx(expected, rel=within)


@pytest.mark.parametrize("name", SOLIDS)
def test_normals_are_unit_and_outward(name: str) -> None:
    solid = SOLIDS[name][0]()
    np.testing.assert_allclose(np.linalg.norm(solid.normals, axis=1), 1, atol=1e-5)
    faces, area = face_normals(solid)
    mean = solid.normals[solid.triangles].mean(axis=1)
    cosine = (faces * mean).sum(axis=1)[area > 1e-4]
    assert np.quantile(cosine, 0.02) > 0.3
    assert np.median(cosine) > 0.8


def test_ends_of_a_bar_are_round() -> None:
    bar = tube(np.array([[0, 0, 0], [0, 0, 5]]), 1.0, 32)
    assert bar.vertices[:, 2].min() == pytest.approx(-1, abs=1e-5)
    assert bar.vertices[:, 2].max() == pytest.approx(6, abs=1e-5)
    beyond = bar.vertices[bar.vertices[:, 2] > 5]
    np.testing.assert_allclose(np.linalg.norm(beyond - [0, 0, 5], axis=1), 1, atol=1e-5)


def test_sheet_faces_the_viewer() -> None:
    x, y = np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-1, 1, 4))
    flat = sheet(np.stack([x, y, 0 * x], axis=-1))
    np.testing.assert_allclose(flat.normals, np.tile([0, 0, 1], (20, 1)), atol=1e-6)
    assert (face_normals(flat)[0][:, 2] > 0.99).all()


@given(st.integers(0, 2**32 - 1))
def test_moving_keeps_the_form(seed: int) -> None:
    rng = np.random.default_rng(seed)
    axes = matrix_from_euler(rng.uniform(-3, 3, 3))
    solid = join(box(rng.uniform(1, 4, 3), 0.3), ellipsoid(rng.uniform(1, 4, 3)))
    moved = solid.moved(axes, origin := rng.normal(0, 10, 3))
    assert volume_cm3(moved) == pytest.approx(volume_cm3(solid), rel=1e-3)
    np.testing.assert_allclose((moved.vertices - origin) @ axes.T, solid.vertices, atol=1e-4)
    np.testing.assert_allclose(moved.normals @ axes.T, solid.normals, atol=1e-5)


def test_same_grids_share_their_triangles() -> None:
    """The renderer keeps index buffers by the identity of the array."""
    first = join(box(np.ones(3), 0.1), ellipsoid(np.ones(3)))
    second = join(box(np.array([3, 2, 1]), 0.2), ellipsoid(np.array([1, 2, 3])))
    assert first.triangles is second.triangles
    assert first.triangles.dtype == np.int32
    assert first.triangles.max() == len(first.vertices) - 1
