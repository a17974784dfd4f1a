"""The dynamic expression model: Eq. (7), its file, and the shape of the default face."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rdr_core.errors import AssetError
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES, mirror_name
from rdr_core.face_model.dynamic_expression_model import (
    DynamicExpressionModel,
    combine,
    default_face_model,
    load_face_model,
    neutral_weight,
)
from rdr_core.face_model.topology import N_SUBSET
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT, LIPS_INNER, LIPS_OUTER

ALPHAS = hnp.arrays(np.float64, 46, elements=st.floats(0, 1))


def offset(model: DynamicExpressionModel, name: str) -> np.ndarray:
    return model.blendshapes()[1][BLENDSHAPE_NAMES.index(name)]


def landmarks(model: DynamicExpressionModel, **alphas: float) -> np.ndarray:
    alpha_exp = np.zeros(46, np.float32)
    for name, value in alphas.items():
        alpha_exp[BLENDSHAPE_NAMES.index(name)] = value
    return model.face(None, alpha_exp)[model.topology.landmarks]


@given(ALPHAS)
def test_alpha_0_closes_the_sum_to_1(alpha_exp: np.ndarray) -> None:
    assert neutral_weight(alpha_exp) + alpha_exp.sum() == pytest.approx(1, abs=1e-9)


@given(ALPHAS)
def test_combining_equals_eq_7(alpha_exp: np.ndarray) -> None:
    """alpha_0 B_0 + sum of alpha_i B_i over absolute blendshapes, alpha_0 = 1 - sum of alpha_i."""
    rng = np.random.default_rng(0)
    absolute = rng.normal(size=(47, 6, 3))
    expected = np.tensordot(np.append(neutral_weight(alpha_exp), alpha_exp), absolute, axes=1)
    found = combine(absolute[0], absolute[1:] - absolute[0], alpha_exp)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_neutral_expression_is_the_neutral_face(face_model: DynamicExpressionModel) -> None:
    np.testing.assert_array_equal(face_model.face(None, np.zeros(46, np.float32)), face_model.face())


def test_save_and_load(face_model: DynamicExpressionModel, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    face_model.save(path)
    again = load_face_model(path)
    np.testing.assert_array_equal(again.face(), face_model.face())  # stored as half floats already
    np.testing.assert_array_equal(again.topology.lines, face_model.topology.lines)
    np.testing.assert_array_equal(again.topology.uv, face_model.topology.uv)
    np.testing.assert_array_equal(again.topology.triangle_uv, face_model.topology.triangle_uv)
    assert again.names == face_model.names
    assert again.accessories is not None
    assert face_model.accessories is not None
    np.testing.assert_array_equal(again.accessories.triangles, face_model.accessories.triangles)
    np.testing.assert_allclose(again.accessories.colors, face_model.accessories.colors, atol=1 / 255)
    assert not list(tmp_path.glob("*.part*"))


def test_save_without_accessories_and_texture(face_model: DynamicExpressionModel, tmp_path: Path) -> None:
    bare = replace(face_model, topology=replace(face_model.topology, uv=None, triangle_uv=None), accessories=None)
    bare.save(tmp_path / "bare.npz")
    again = load_face_model(tmp_path / "bare.npz")
    assert again.accessories is None
    assert again.topology.uv is None
    np.testing.assert_array_equal(again.face(), face_model.face())


def shipped() -> bytes:
    return (files("rdr_core") / "assets" / "face_model.npz").read_bytes()


@pytest.mark.parametrize("kept", [0, 3, 1_000, 500_000, -1_000, -1])
def test_truncated_file(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(shipped()[:kept])
    with pytest.raises(AssetError, match="not a whole face model") as caught:
        load_face_model(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", [60, 5_000, 400_000, 8_000_000])
def test_flipped_bytes(place: int, tmp_path: Path) -> None:
    content = bytearray(shipped())
    content[place : place + 100] = b"\xff" * 100
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(AssetError, match="not a whole face model"):
        load_face_model(path)


def test_files_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="no such face model"):
        load_face_model(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(AssetError, match="not a whole face model"):
        load_face_model(tmp_path / "other.npz")
    np.savez(tmp_path / "later.npz", schema_version=np.array(99))
    with pytest.raises(AssetError, match="version 99, this program reads 2"):
        load_face_model(tmp_path / "later.npz")
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(AssetError, match="not a whole face model"):
        load_face_model(tmp_path / "array.npy")
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(AssetError, match="not a whole face model"):
        load_face_model(tmp_path / "objects.npy")


def test_names_and_prior_must_fit(face_model: DynamicExpressionModel) -> None:
    with pytest.raises(AssetError, match="46 expressions but 45 names"):
        replace(face_model, names=BLENDSHAPE_NAMES[:-1])
    with pytest.raises(AssetError, match="identity prior must have 50 entries"):
        replace(face_model, identity_std=np.ones(3, np.float32))
    beyond = replace(face_model.topology, landmarks=face_model.topology.landmarks + face_model.tensor.n_vertices)
    with pytest.raises(AssetError, match="landmarks point beyond its 11248 vertices"):
        replace(face_model, topology=beyond)
    with pytest.raises(AssetError, match="topology needs"):
        replace(face_model.topology, landmarks=face_model.topology.landmarks[:5])


def test_default_model_is_small_and_of_the_papers_size(face_model: DynamicExpressionModel) -> None:
    assert len(shipped()) <= 12_000_000
    assert face_model.names == BLENDSHAPE_NAMES
    assert (face_model.n_expressions, face_model.n_identity) == (46, 50)
    assert len(face_model.topology.subset) == face_model.landmark_tensor.n_vertices >= N_SUBSET
    assert default_face_model() is face_model  # read once


def test_default_face_in_cm(face_model: DynamicExpressionModel) -> None:
    """+x the subject's left, +y up, +z out of the face; a head of human size."""
    points = landmarks(face_model)
    assert points[EYE_LEFT[3], 0] > 4 > -4 > points[EYE_RIGHT[0], 0]
    assert np.linalg.norm(points[EYE_LEFT[3]] - points[EYE_RIGHT[0]]) == pytest.approx(8.9, abs=0.4)
    assert points[30, 2] == points[:, 2].max()  # the tip of the nose
    assert points[8, 1] == points[:, 1].min()  # the chin
    extent = np.ptp(face_model.face(), axis=0)
    assert (extent > [14, 20, 15]).all()
    assert (extent < [30, 40, 30]).all()


def test_triangles_are_counter_clockwise_from_outside(face_model: DynamicExpressionModel) -> None:
    corners = face_model.face()[face_model.topology.triangles]
    assert face_model.topology.triangles.min() >= 0
    assert face_model.topology.triangles.max() < face_model.tensor.n_vertices
    assert np.einsum("tk,tk->t", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() > 0


@pytest.mark.parametrize("name", [n for n in BLENDSHAPE_NAMES if n.endswith(("_L", "Left"))])
def test_left_and_right_expressions_mirror(face_model: DynamicExpressionModel, name: str) -> None:
    """What the left shape does at a point, the right one does at the mirrored point."""
    from scipy.spatial import cKDTree

    neutral = face_model.face()
    distance, partner = cKDTree(neutral).query(neutral * [-1, 1, 1])
    paired = distance < 0.15
    assert paired.mean() > 0.9
    left, right = offset(face_model, name), offset(face_model, mirror_name(name))
    difference = np.linalg.norm(left[partner[paired]] * [-1, 1, 1] - right[paired], axis=1)
    assert difference.mean() < 0.05 * np.linalg.norm(right, axis=1).max()
    moved = np.linalg.norm(left, axis=1) > 0.5 * np.linalg.norm(left, axis=1).max()
    if name.endswith("_L"):
        assert neutral[moved, 0].mean() > 1  # the subject's left is +x


def test_eyelids_close(face_model: DynamicExpressionModel) -> None:
    def opening(points: np.ndarray, eye: np.ndarray) -> float:
        return float((points[eye[[1, 2]], 1] - points[eye[[5, 4]], 1]).mean())

    neutral, closed = landmarks(face_model), landmarks(face_model, EyeClose_L=1)
    assert opening(neutral, EYE_LEFT) > 0.7
    assert opening(closed, EYE_LEFT) < 0.25 * opening(neutral, EYE_LEFT)
    assert opening(closed, EYE_RIGHT) == pytest.approx(opening(neutral, EYE_RIGHT), abs=0.02)
    wide = landmarks(face_model, EyeWide_L=1)
    assert opening(wide, EYE_LEFT) > opening(neutral, EYE_LEFT) + 0.1


def test_mouth_opens_and_smiles(face_model: DynamicExpressionModel) -> None:
    neutral, opened = landmarks(face_model), landmarks(face_model, JawOpen=1)
    smiling = landmarks(face_model, MouthSmile_L=1, MouthSmile_R=1)
    gap = LIPS_INNER[[2, 6]]
    assert abs(neutral[gap, 1] @ [1, -1]) < 0.3
    assert opened[gap, 1] @ [1, -1] > 1.5
    assert opened[8, 1] < neutral[8, 1] - 1  # the chin goes down
    corners = LIPS_OUTER[[0, 6]]
    assert np.ptp(smiling[corners, 0]) > np.ptp(neutral[corners, 0]) + 0.5
    assert (smiling[corners, 1] > neutral[corners, 1] + 0.2).all()


@pytest.mark.parametrize(("name", "axis", "sign"), [("JawLeft", 0, 1), ("JawRight", 0, -1), ("JawForward", 2, 1)])
def test_jaw_moves_to_where_its_name_says(face_model: DynamicExpressionModel, name: str, axis: int, sign: int) -> None:
    moved = landmarks(face_model, **{name: 1.0})[8] - landmarks(face_model)[8]
    assert sign * moved[axis] > 0.3


def test_every_expression_moves_something_but_not_the_head(face_model: DynamicExpressionModel) -> None:
    neutral = face_model.face()
    back = neutral[:, 2] < -2
    for name in BLENDSHAPE_NAMES:
        distance = np.linalg.norm(offset(face_model, name), axis=1)
        gaze = name.startswith("EyeLook")
        assert distance.max() > (0.03 if gaze else 0.1), name
        assert distance[back].max() < 0.2 * distance.max() + 0.03, name


def test_mouth_parts_go_with_the_jaw(face_model: DynamicExpressionModel) -> None:
    """Of teeth and gums the lower half goes down with the jaw and the upper half stays; so do the eyes."""
    parts = face_model.accessories
    assert parts is not None
    neutral, offsets = parts.tensor.contract_identity(face_model.identity_mean)
    down = -offsets[BLENDSHAPE_NAMES.index("JawOpen"), :, 1]
    mouth, eyes = neutral[:, 1] < 0, neutral[:, 1] > 2
    assert mouth.sum() > 5000
    assert 0.3 < (down[mouth] > 0.5).mean() < 0.7
    assert (np.abs(down[mouth]) < 0.05).mean() > 0.3
    assert eyes.sum() > 1000
    assert np.abs(down[eyes]).max() < 0.05


def test_identities_differ_and_their_expressions_too(face_model: DynamicExpressionModel) -> None:
    """A bilinear model: the same coefficient opens another person's mouth differently."""
    rng = np.random.default_rng(0)
    prior = face_model.identity_std
    one, other = (
        face_model.blendshapes((face_model.identity_mean + prior * rng.standard_normal(50)).astype(np.float32))
        for _ in range(2)
    )
    assert np.linalg.norm(one[0] - other[0], axis=1).max() > 0.5
    jaw = BLENDSHAPE_NAMES.index("JawOpen")
    assert np.linalg.norm(one[1][jaw] - other[1][jaw], axis=1).max() > 0.1
