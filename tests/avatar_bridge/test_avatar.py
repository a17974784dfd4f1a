"""The avatar's mesh: what moves, how it turns, what it closes. No OpenGL needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_bridge.avatar import Avatar, Part, default_avatar, load_skin, sample_identity
from avatar_bridge.collar import collar_depth
from avatar_bridge.errors import AvatarError
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import default_face_model
from rdr_core.face_model.eyes import cornea, eye_texture, find_eyeballs, gaze_rotation, lid_light, unit_sphere
from rdr_core.face_model.mouth import rim
from rdr_core.face_model.nostrils import nostril_light
from rdr_core.types import Float32

E = len(BLENDSHAPE_NAMES)


def expression(**values: float) -> Float32:
    alpha_exp = np.zeros(E, np.float32)
    for name, value in values.items():
        alpha_exp[BLENDSHAPE_NAMES.index(name)] = value
    return alpha_exp


@pytest.fixture(scope="module")
def avatar() -> Avatar:
    return default_avatar()


def tetrahedron() -> Part:
    """A small part whose second vertex is there twice, as on a texture seam."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]], np.float32)
    triangles = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [4, 2, 3]], np.int32)
    offsets = np.zeros((E, 5, 3), np.float32)
    offsets[0, [1, 4], 0] = 1
    offsets[1, 3, 2] = -0.5
    return Part(triangles, corners, offsets, np.array([0, 1, 2, 3, 1]), 0.5)


def test_vertices_are_linear_in_the_coefficients(avatar: Avatar) -> None:
    alpha_exp = np.random.default_rng(0).uniform(0, 1, E).astype(np.float32)
    for part in avatar.parts:
        if part.gaze is None:
            expected = part.neutral + np.einsum("e,evc->vc", alpha_exp, part.offsets)
            # what hardly moves is left out
            np.testing.assert_allclose(part.vertices(alpha_exp), expected, atol=0.02)


def test_vertices_do_not_change_the_neutral(avatar: Avatar) -> None:
    part = avatar.parts[0]
    before = part.neutral.copy()
    part.vertices(np.ones(E, np.float32))
    np.testing.assert_array_equal(part.neutral, before)


@given(st.floats(0, 1), st.floats(0, 1))
def test_normals_are_unit_and_smooth_over_seams(first: float, second: float) -> None:
    part = tetrahedron()
    vertices = part.vertices(expression(**{BLENDSHAPE_NAMES[0]: first, BLENDSHAPE_NAMES[1]: second}))
    normals = part.normals(vertices)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(normals[1], normals[4])
    outward = vertices - vertices[:4].mean(axis=0)
    assert ((normals * outward).sum(axis=1) > 0).all()


def test_normal_of_a_corner_is_the_area_weighted_mean() -> None:
    part = tetrahedron()
    expected = np.array([-1, -1, -1]) / np.sqrt(3)  # three equal faces meet in the origin
    np.testing.assert_allclose(part.normals(part.neutral)[0], expected, atol=1e-6)


def test_a_vertex_without_area_has_a_finite_normal() -> None:
    part = replace(tetrahedron(), neutral=np.zeros((5, 3), np.float32))
    assert np.isfinite(part.normals(part.neutral)).all()


def test_every_expression_but_gaze_moves_the_face(avatar: Avatar) -> None:
    moved = np.linalg.norm(avatar.parts[0].offsets, axis=2).max(axis=1)
    assert (moved > 0.1).all(), [BLENDSHAPE_NAMES[i] for i in np.flatnonzero(moved <= 0.1)]


def test_parts_are_whole(avatar: Avatar) -> None:
    assert [part.gaze is not None for part in avatar.parts].count(True) == 2
    for part in avatar.parts:
        count = len(part.neutral)
        assert part.triangles.min() == 0
        assert part.triangles.max() == count - 1, "no vertex is left over at the end"
        assert part.offsets.shape == (E, count, 3)
        assert (part.uv is None) == (part.texture is None)
        if part.uv is not None:
            assert part.uv.shape == (count, 2)
            assert (part.uv >= -1e-3).all()
            assert (part.uv <= 1 + 1e-3).all()


def test_skin_is_the_face_model(avatar: Avatar) -> None:
    skin, model = avatar.parts[0], default_face_model()
    neutral, _ = model.blendshapes()
    for corner in (0, 1, 2):  # the same corners in the same order
        np.testing.assert_allclose(
            skin.neutral[skin.triangles[:, corner]], neutral[model.topology.triangles[:, corner]], atol=1e-5
        )
    corners_uv = skin.uv[skin.triangles]  # type: ignore[index]
    bare = (collar_depth(neutral)[model.topology.triangles] < -1).all(axis=1)  # above the collar
    assert bare.mean() > 0.9
    np.testing.assert_allclose(corners_uv[bare], model.topology.triangle_uv[bare], atol=1 / 4096)  # type: ignore[index]


def test_model_without_texture_coordinates_is_refused() -> None:
    model = default_face_model()
    bare = replace(model, topology=replace(model.topology, uv=None, triangle_uv=None))
    with pytest.raises(AvatarError, match="texture coordinates"):
        Avatar.of_model(bare, load_skin())


def test_model_without_accessories_has_skin_alone() -> None:
    assert len(Avatar.of_model(replace(default_face_model(), accessories=None), load_skin()).parts) == 1


@pytest.mark.parametrize(
    ("is_left", "name", "axis", "sign"),
    [
        (True, "EyeLookOut_L", 0, 1),
        (True, "EyeLookIn_L", 0, -1),
        (False, "EyeLookOut_R", 0, -1),
        (False, "EyeLookIn_R", 0, 1),
        (True, "EyeLookUp_L", 1, 1),
        (False, "EyeLookDown_R", 1, -1),
    ],
)
def test_eyes_turn_where_the_name_says(is_left: bool, name: str, axis: int, sign: int) -> None:
    gaze = gaze_rotation(expression(**{name: 1}), is_left) @ [0, 0, 1]
    assert sign * gaze[axis] > 0.4
    assert abs(gaze[1 - axis]) < 1e-6
    other = gaze_rotation(expression(**{name: 1}), not is_left)
    np.testing.assert_allclose(other, np.eye(3), atol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=E, max_size=E))
def test_an_eye_keeps_its_place_and_size(values: list[float]) -> None:
    for part in default_avatar().parts[1:3]:
        assert part.gaze is not None
        turned = part.vertices(np.array(values, np.float32)) - part.gaze.pivot
        np.testing.assert_allclose(
            np.linalg.norm(turned, axis=1), np.linalg.norm(part.neutral - part.gaze.pivot, axis=1), atol=1e-4
        )


def test_eyes_lie_behind_their_lids(avatar: Avatar) -> None:
    model = default_face_model()
    lids = model.face()[model.topology.landmarks]
    for part in avatar.parts[1:3]:
        assert part.gaze is not None
        corners = lids[42:48] if part.gaze.is_left else lids[36:42]
        np.testing.assert_allclose(part.gaze.pivot[:2], corners[:, :2].mean(axis=0), atol=0.4)
        assert part.gaze.pivot[2] < corners[:, 2].min()


def test_the_cheeks_inside_begin_where_the_lips_end(avatar: Avatar) -> None:
    """Whatever the mouth does, one cannot look through the head between them."""
    model = default_face_model()
    mouth = next(part for part in avatar.parts if part.name == "Mouth")
    ends = np.concatenate([mouth.neutral[None], mouth.offsets])[:, rim(mouth.triangles)]
    lips = model.tensor.rows(rim(model.topology.triangles)).contract_identity(model.identity_mean)
    around_mouth = np.linalg.norm(lips[0] - [0, -3.3, 10.3], axis=1) < 3
    assert around_mouth.sum() == 74
    for lip in np.concatenate([lips[0][None], lips[1]])[:, around_mouth].swapaxes(0, 1):
        apart = np.abs(ends - lip[:, None]).max(axis=(0, 2))
        assert apart.min() < 1e-4


def test_each_eyeball_is_found_once() -> None:
    accessories = default_face_model().accessories
    assert accessories is not None
    left, right = find_eyeballs(accessories)
    assert not np.intersect1d(left, right).size
    together = np.isin(accessories.triangles, np.concatenate([left, right]))
    assert (together.all(axis=1) | ~together.any(axis=1)).all(), "no triangle ties an eye to anything else"


def test_sphere_is_closed_and_faces_outward() -> None:
    vertices, triangles, uv = unit_sphere(8, 12)
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), 1, atol=1e-6)
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    outward = (np.cross(b - a, c - a) * (a + b + c)).sum(axis=1)
    assert (outward > -1e-7).all()
    volume = (a * np.cross(b, c)).sum() / 6
    assert volume == pytest.approx(4 / 3 * np.pi, rel=0.15)
    front = uv[vertices[:, 2] > 0.999]
    np.testing.assert_allclose(front, 0.5, atol=1e-6)


def test_iris_is_dark_in_the_middle_and_white_outside() -> None:
    texture = eye_texture().astype(int)
    middle = len(texture) // 2
    assert texture[middle, middle].max() < 25
    iris = texture[middle, middle + round(middle * 16 / 60)]
    assert iris[0] > iris[2] + 15, "brown"
    assert texture[middle, middle + round(middle * 30 / 60)].min() > 150


def test_the_cornea_stands_out_around_the_gaze_alone() -> None:
    directions, _, _ = unit_sphere()
    radius, angle = cornea(directions), np.degrees(np.arccos(np.clip(directions[:, 2], -1, 1)))
    assert radius[angle < 1] == pytest.approx(1.05)
    np.testing.assert_array_equal(radius[angle > 25], 1)


def test_the_upper_lid_shades_the_ball() -> None:
    rise = np.radians([-20, 0, 15, 30, 60])
    light = lid_light(np.stack([np.zeros(5), np.sin(rise), np.cos(rise)], axis=1).astype(np.float32))
    np.testing.assert_allclose(light[:2], 1)
    assert 1 > light[2] > light[3]
    assert light[3:] == pytest.approx(0.4)


def test_closed_lids_cover_the_cornea(avatar: Avatar) -> None:
    """Nothing of an eye lies in front of the skin when it is closed, wherever it looks."""
    model = default_face_model()
    skin = avatar.parts[0]
    for turn in ({}, {"EyeLookOut_L": 1, "EyeLookIn_R": 1}, {"EyeLookDown_L": 1, "EyeLookDown_R": 1}):
        alpha_exp = expression(EyeClose_L=1, EyeClose_R=1, **turn)
        lids = skin.vertices(alpha_exp)
        for part in avatar.parts[1:3]:
            ball = part.vertices(alpha_exp)
            front = ball[ball[:, 2] > part.gaze.pivot[2] + 1.2]  # type: ignore[union-attr]
            away = np.linalg.norm(lids[None, :, :2] - front[:, None, :2], axis=2)
            nearest = np.argsort(away, axis=1)[:, :6]
            assert (lids[nearest, 2].max(axis=1) > front[:, 2] - 0.02).all()
    assert model.topology.uv is not None


@pytest.mark.parametrize("seed", [0, 2])
def test_it_is_dark_in_the_nose_and_nowhere_else(seed: int) -> None:
    model = default_face_model()
    neutral = model.blendshapes(sample_identity(seed))[0]
    landmarks = model.topology.landmarks
    light = nostril_light(neutral, model.topology.triangles, landmarks)
    assert 0 < light.min() < 0.1
    assert light.max() == 1
    np.testing.assert_array_equal(light[landmarks], 1)
    dark = neutral[light < 0.2]
    right, middle, left = neutral[landmarks[[31, 33, 35]]]
    assert len(dark) > 80
    assert (dark[:, 0] > right[0] - 0.3).all()
    assert (dark[:, 0] < left[0] + 0.3).all()
    assert (dark[:, 2] < middle[2] + 0.8).all()
    assert (dark[:, 0] < middle[0]).mean() == pytest.approx(0.5, abs=0.1)


def test_sample_identity_is_repeatable_and_seed_zero_the_mean() -> None:
    np.testing.assert_array_equal(sample_identity(0), default_face_model().identity_mean)
    np.testing.assert_array_equal(sample_identity(5), sample_identity(5))
    assert (sample_identity(5) != sample_identity(6)).any()


def test_shipped_skin() -> None:
    skin = load_skin()
    assert skin.shape == (1024, 1024, 3)
    topology = default_face_model().topology
    assert topology.uv is not None
    forehead_and_cheeks = topology.uv[topology.landmarks[27:31]] * 1024
    red, green, blue = np.mean([skin[int(y), int(x)] for x, y in forehead_and_cheeks], axis=0)
    assert red > green > blue, "skin, and RGB"
