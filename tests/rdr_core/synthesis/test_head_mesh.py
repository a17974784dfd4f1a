"""The mesh that turns: closed eyes and mouth, halves, parts; and how holes of pictures are filled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.landmarks import EYE_LEFT, INNER, JAW, LIPS_INNER, MIRROR
from rdr_core.synthesis.head_mesh import HeadMesh, boundary_loops, default_head_mesh
from rdr_core.synthesis.head_paint import hair_strands, sample
from rdr_core.synthesis.inpaint import fill_holes, mirror_into


@pytest.fixture(scope="module")
def mesh() -> HeadMesh:
    return default_head_mesh()


def test_only_the_neck_is_open(mesh: HeadMesh) -> None:
    assert len(mesh.loops) == 3  # two eyes and the mouth
    open_loops = boundary_loops(mesh.triangles)
    neutral = mesh.vertices(mesh.model.identity_mean, np.zeros(mesh.model.n_expressions, np.float32))
    assert len(open_loops) == 1
    assert neutral[open_loops[0], 1].max() < -10


def test_vertices_are_the_face_models(mesh: HeadMesh) -> None:
    rng = np.random.default_rng(0)
    alpha_id = (mesh.model.identity_mean + rng.normal(size=mesh.model.n_identity)).astype(np.float32)
    alpha_exp = rng.random(mesh.model.n_expressions).astype(np.float32)
    expected = mesh.model.face(alpha_id, alpha_exp)
    assert mesh.vertices(alpha_id, alpha_exp)[: len(expected)] == pytest.approx(expected, abs=2e-3)


def test_membranes_face_outward(mesh: HeadMesh) -> None:
    neutral = mesh.vertices(mesh.model.identity_mean, np.zeros(mesh.model.n_expressions, np.float32))
    assert (mesh.normals(neutral)[-3:, 2] > 0.7).all()


def test_halves_and_parts(mesh: HeadMesh) -> None:
    landmarks = mesh.model.topology.landmarks
    assert (mesh.mirror[mesh.mirror] == np.arange(len(mesh.mirror))).mean() > 0.99
    neutral = mesh.vertices(mesh.model.identity_mean, np.zeros(mesh.model.n_expressions, np.float32))
    distance = np.linalg.norm(neutral[mesh.mirror[landmarks]] - neutral[landmarks[MIRROR]], axis=1)
    assert np.median(distance) < 0.1
    assert mesh.face[landmarks[INNER]].all()
    assert (mesh.scalp[landmarks] == 0).all()
    assert (mesh.turning[landmarks] == 1).all()
    assert (mesh.neck[landmarks] < 0.01).all()
    assert mesh.turning.min() == 0
    top = neutral[:, 1] > 12
    assert (mesh.scalp[top] == 1).all()
    assert {*JAW, *EYE_LEFT, *LIPS_INNER} <= set(range(68))


def test_holes_of_a_square_are_its_rims() -> None:
    ring = [(k, (k + 1) % 4, 4 + k) for k in range(4)] + [((k + 1) % 4, 4 + (k + 1) % 4, 4 + k) for k in range(4)]
    loops = boundary_loops(np.array(ring))
    assert sorted(sorted(loop.tolist()) for loop in loops) == [[0, 1, 2, 3], [4, 5, 6, 7]]


@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 40))
def test_filling_keeps_what_is_known_and_stays_within_its_range(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.uniform(20, 200, (height, width, 3)).astype(np.float32)
    weight = (rng.random((height, width)) < 0.4).astype(np.float32)
    weight[rng.integers(height), rng.integers(width)] = 1
    known = image[weight > 0]
    for filled in (fill_holes(image, weight), mirror_into(image, weight, 5.0)):
        assert filled[weight > 0] == pytest.approx(known, abs=1e-2)
        assert filled.min() >= known.min() - 0.1
        assert filled.max() <= known.max() + 0.1


def test_a_hole_beside_stripes_shows_their_mirror_image() -> None:
    image = np.zeros((8, 60, 1), np.float32)
    image[:, :30] = (np.arange(30) % 6 < 3)[:, None] * 100.0
    weight = np.zeros((8, 60), np.float32)
    weight[:, :30] = 1
    filled = mirror_into(image, weight, 1000.0)
    assert filled[:, 31:50, 0] == pytest.approx(image[:, 27:8:-1, 0], abs=4)


def test_strands_tile_and_keep_their_contrast() -> None:
    rng = np.random.default_rng(0)
    picture = np.repeat(60 + 15 * rng.normal(size=(1, 120, 1)), 120, axis=0).repeat(3, axis=2).astype(np.float32)
    tile = hair_strands(picture, np.ones((120, 120), np.float32)).astype(np.float32) / 128
    assert tile.std() == pytest.approx(0.2, abs=0.08)
    assert tile.mean() == pytest.approx(1, abs=0.08)
    along, across = np.abs(np.diff(tile, axis=0)).mean(), np.abs(np.diff(tile, axis=1)).mean()
    assert along < 0.5 * across  # strands run down
    seam = np.abs(tile[:, 0] - tile[:, -1]).mean()
    assert seam < 2 * across
    assert hair_strands(picture, np.zeros((120, 120), np.float32)).std() == 0  # a bald head


def test_sampling_has_pixel_centres_at_a_half() -> None:
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert sample(image, np.array([[0.5, 0.5], [3.5, 2.5], [1.0, 0.5]])).tolist() == [0, 11, 0.5]
