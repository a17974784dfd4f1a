"""The collar: which triangles take their colour from it, and what is painted there."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_bridge.avatar import load_skin
from avatar_bridge.collar import collar_depth, collar_uv, paint_collar
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, shipped_face_model
from rdr_core.types import Float32, UInt8


@pytest.fixture(scope="module")
def model() -> DynamicExpressionModel:
    return shipped_face_model()


def corners(model: DynamicExpressionModel) -> Float32:
    assert model.topology.triangle_uv is not None
    return model.topology.triangle_uv


def sample(image: UInt8, uv: Float32) -> np.ndarray:
    at = np.clip(uv * len(image), 0, len(image) - 1).astype(int)
    return image[at[..., 1], at[..., 0]].astype(int)


def test_it_lies_around_the_neck(model: DynamicExpressionModel) -> None:
    face = model.face()
    depth = collar_depth(face)
    assert (depth[model.topology.landmarks] < -3).all(), "all of the face is above it"
    below = face[depth > 0]
    assert 100 < len(below) < 0.1 * len(face)
    assert below[:, 0].min() < -8
    assert below[:, 0].max() > 8
    assert below[:, 2].min() < -5, "behind, too"


def test_only_what_is_below_the_neck_is_changed(model: DynamicExpressionModel) -> None:
    face, triangles = model.face(), model.topology.triangles
    made = collar_uv(face, triangles, corners(model))
    changed = (made != corners(model)).any(axis=(1, 2))
    assert changed.any()
    depth = collar_depth(face)[triangles]
    assert (depth[changed].max(axis=1) > -0.5).all()
    assert (depth[~changed].max(axis=1) <= -0.45).all()


def test_the_strip_lies_where_nothing_of_the_face_does(model: DynamicExpressionModel) -> None:
    made = collar_uv(model.face(), model.topology.triangles, corners(model))
    own = (made == corners(model)).all(axis=(1, 2))
    low, high = made[~own].min(axis=(0, 1)), made[~own].max(axis=(0, 1))
    inside = ((made[own] > low - 0.01) & (made[own] < high + 0.01)).all(axis=2)
    assert not inside.any()


def test_shipped_skin_shows_skin_above_and_shirt_below(model: DynamicExpressionModel) -> None:
    face, triangles = model.face(), model.topology.triangles
    depth = collar_depth(face)[triangles]
    color = sample(load_skin(), collar_uv(face, triangles, corners(model)))
    shirt, skin = color[depth > 0.2], color[(depth < -0.2) & (depth > -3)]
    assert (shirt[:, 2] > shirt[:, 0]).all(), "no rag of skin below the edge"
    assert (skin[:, 0] > skin[:, 2]).mean() > 0.9, "no rag of shirt above it; hair comes down behind"


def test_painting_changes_the_strip_alone(model: DynamicExpressionModel) -> None:
    plain = np.full((256, 256, 3), (100, 150, 200), np.uint8)
    painted = paint_collar(plain, model.face(), model.topology.triangles, corners(model))
    rows, columns = np.nonzero((painted != plain).any(axis=2))
    assert len(rows)
    assert rows.min() > 0.59 * 256
    assert rows.max() < 0.72 * 256
    assert columns.min() > 0.38 * 256
    np.testing.assert_array_equal(plain, np.full_like(plain, (100, 150, 200)))
