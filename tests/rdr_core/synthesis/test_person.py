"""Sampled people: what they wear changes nothing that a label speaks of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rdr_core.errors import AssetError
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.synthesis.camera import HeadPlacement, face_middle
from rdr_core.synthesis.person import Person, sample_identity, sample_looks, sample_shoulders, turn_about_neck
from rdr_core.synthesis.surface import Material, Surface
from rdr_core.synthesis.wardrobe import Wardrobe
from rdr_core.types import Float32


def a_person(wardrobe: Wardrobe, seed: int) -> Person:
    rng = np.random.default_rng(seed)
    model = wardrobe.model
    return Person(wardrobe, sample_identity(rng, model.identity_mean, model.identity_std), sample_looks(rng, wardrobe))


def posed(
    person: Person, model: DynamicExpressionModel, seed: int, shoulders: Float32
) -> tuple[list[Surface], Float32]:
    """Return surfaces, and the model's own vertices in the same place."""
    rng = np.random.default_rng((seed, 1))
    alpha_exp = (rng.random(46) * (rng.random(46) < 0.2)).astype(np.float32)
    placement = HeadPlacement(rng.uniform(-0.8, 0.8, 3).astype(np.float32), face_middle(model))
    surfaces = person.head(alpha_exp, placement, shoulders) + person.worn(placement, shoulders)
    return surfaces, placement.points(model.face(person.alpha_id, alpha_exp))


@pytest.mark.parametrize("seed", range(6))
def test_landmarks_and_their_lines_are_the_models_own(wardrobe: Wardrobe, seed: int) -> None:
    person, model = a_person(wardrobe, seed), wardrobe.model
    surfaces, expected = posed(person, model, seed, np.array([0.3, -0.8, 0.2], np.float32))
    drawn = np.full_like(expected, np.nan)
    drawn[wardrobe.head_mesh.source] = surfaces[0].vertices
    subset = model.topology.subset
    np.testing.assert_allclose(drawn[subset], expected[subset], atol=2e-4)


@pytest.mark.parametrize("seed", range(6))
def test_surfaces_can_be_drawn(wardrobe: Wardrobe, seed: int) -> None:
    person = a_person(wardrobe, seed)
    surfaces, _ = posed(person, wardrobe.model, seed, np.array([0, 0.5, 0], np.float32))
    assert [s.material for s in surfaces[:4]] == [Material.SKIN, Material.EYE, Material.EYE, Material.MOUTH]
    assert surfaces[-1].material == Material.CLOTH
    for surface in surfaces:
        assert np.isfinite(surface.vertices).all()
        np.testing.assert_allclose(np.linalg.norm(surface.normals, axis=1), 1, atol=0.02)
        assert surface.triangles.min() >= 0
        assert surface.triangles.max() < len(surface.vertices)
        assert (surface.uv is None) == (surface.texture is None)


def test_hair_is_painted_or_worn(wardrobe: Wardrobe) -> None:
    """Hair is found on the scalp of all but those with a wig and one who is shaved; brows and beards are skin."""
    hairless = {name for name in wardrobe.names if len(wardrobe.hair_triangles(name)) < 300}
    assert hairless == {*wardrobe.wig_names, "Black_M_2"}
    brow_height = wardrobe.mean[wardrobe.model.topology.landmarks[19], 1]
    for name in wardrobe.names[::5]:
        hair = wardrobe.head_mesh.source[wardrobe.head_mesh.triangles[wardrobe.hair_triangles(name)]]
        assert not ((wardrobe.mean[hair][..., 1] < brow_height - 0.5) & (hair < 9408)).all(axis=1).any()


def test_shoulders_stay_behind_when_the_head_turns(wardrobe: Wardrobe) -> None:
    person, model = a_person(wardrobe, 3), wardrobe.model
    placement = HeadPlacement(np.zeros(3, np.float32), face_middle(model))
    still, none = np.zeros(46, np.float32), np.zeros(3, np.float32)
    straight, turned = (
        person.head(still, placement, vector) + person.worn(placement, vector)
        for vector in (none, np.array([0, 0.9, 0], np.float32))
    )
    np.testing.assert_array_equal(straight[1].vertices, turned[1].vertices)  # an eye
    body, moved = straight[-1].vertices, turned[-1].vertices
    lowest = body[:, 1] < np.quantile(body[:, 1], 0.1)
    angle = np.arctan2(moved[lowest, 0], moved[lowest, 2]) - np.arctan2(body[lowest, 0], body[lowest, 2])
    assert np.median(np.angle(np.exp(1j * angle))) > 0.6


def test_teeth_are_there_when_the_lips_part(wardrobe: Wardrobe) -> None:
    person, model = a_person(wardrobe, 3), wardrobe.model
    placement = HeadPlacement(np.zeros(3, np.float32), face_middle(model))
    none, speech = np.zeros(3, np.float32), np.zeros(46, np.float32)
    speech[BLENDSHAPE_NAMES.index("JawOpen")] = 0.4
    materials = [
        [surface.material for surface in person.head(alpha_exp, placement, none)]
        for alpha_exp in (np.zeros(46, np.float32), speech)
    ]
    assert Material.TEETH not in materials[0]
    assert Material.TEETH in materials[1]


def test_turning_about_the_neck_is_rigid_where_it_is_whole() -> None:
    rng = np.random.default_rng(0)
    points, normals = rng.normal(size=(20, 3)).astype(np.float32), rng.normal(size=(20, 3)).astype(np.float32)
    vector = np.array([0.2, 0.5, -0.3], np.float32)
    moved, facing = turn_about_neck(points, normals, np.ones(20, np.float32), vector)
    np.testing.assert_allclose(moved @ moved.T - 0, moved @ moved.T)
    spread = lambda p: np.linalg.norm(p[:, None] - p[None], axis=-1)  # noqa: E731
    np.testing.assert_allclose(spread(moved), spread(points), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(facing, axis=1), np.linalg.norm(normals, axis=1), atol=1e-5)
    back, _ = turn_about_neck(moved, facing, np.ones(20, np.float32), -vector)
    np.testing.assert_allclose(back, points, atol=1e-5)


@pytest.mark.parametrize("yaw_deg", [-85, -30, 0, 30, 85])
def test_shoulders_follow_in_part_and_within_what_necks_do(yaw_deg: float) -> None:
    rng = np.random.default_rng(1)
    euler = np.radians([10, yaw_deg, -5]).astype(np.float32)
    vectors = np.stack([sample_shoulders(rng, euler) for _ in range(50)])
    assert np.linalg.norm(vectors, axis=1).max() <= 1.0 + 1e-6
    if abs(yaw_deg) > 20:
        assert (np.sign(vectors[:, 1]) == -np.sign(yaw_deg)).mean() > 0.9, "they lag behind the head"


def test_a_missing_data_folder_is_said_in_one_line(tmp_path: Path, face_model: DynamicExpressionModel) -> None:
    with pytest.raises(AssetError, match="RDR_DATA") as raised:
        Wardrobe(tmp_path, face_model)
    assert "\n" not in str(raised.value)
