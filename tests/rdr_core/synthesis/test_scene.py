"""Whole pictures: repeatable, labels exact, what is drawn is where the label says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from rdr_core.data.label import FaceLabel
from rdr_core.errors import ConfigError
from rdr_core.face_model.dynamic_expression_model import combine
from rdr_core.fitting.contour import visible_landmarks
from rdr_core.geometry.weak_perspective import project
from rdr_core.synthesis.camera import CameraConfig
from rdr_core.synthesis.scene import Scene, SceneConfig, Studio

SIZE = 128


@pytest.fixture(scope="module")
def studio(headless_gl: None, face_model_data: Path) -> Iterator[Studio]:
    config = SceneConfig(SIZE, no_face=0.2, camera=CameraConfig(pinhole=0.5))
    with Studio(face_model_data, config, seed=5) as studio:
        yield studio


def a_scene(studio: Studio, number: int) -> Scene:
    return studio.scene(np.random.default_rng(number), studio.person(number // 3))


def test_pictures_are_repeatable_whatever_was_drawn_before(studio: Studio) -> None:
    first = [studio.shoot(number) for number in (0, 9, 17)]
    again = [studio.shoot(number) for number in (17, 0, 9)]
    for (rgb, label), (other, same) in zip(first, (again[1], again[2], again[0]), strict=True):
        np.testing.assert_array_equal(rgb, other)
        assert (label is None) == (same is None)
        if label is not None and same is not None:
            assert label.to_json() == same.to_json()


def test_some_pictures_have_no_face(studio: Studio) -> None:
    labels = [studio.shoot(number)[1] for number in range(24)]
    assert 1 <= sum(label is None for label in labels) <= 12
    for label in labels:
        if label is not None:
            label.check("here")
            box = label.shape.max(axis=0) - label.shape.min(axis=0)
            assert 0.4 * SIZE < box.max() < 0.7 * SIZE


@pytest.mark.parametrize("number", range(8))
def test_q_star_projects_onto_the_stored_landmarks(studio: Studio, number: int) -> None:
    """Under weak perspective to 0.05 px, through the JSON of the shards."""
    scene = a_scene(studio, number)
    scene = replace(scene, camera=replace(scene.camera, distance_cm=float("inf")))
    picture = studio.renderer.draw(scene.surfaces, scene.camera, scene.lighting)
    label = FaceLabel.from_json(studio.label(scene, picture).to_json())
    model = studio.model
    face = combine(*model.landmark_tensor.contract_identity(label.alpha_id), label.alpha_exp)
    landmarks = visible_landmarks(model.topology, face, label.euler_rad).on(face)
    projected = project(landmarks, label.euler_rad, label.translation_px, np.float64(label.scale_px_per_cm))[:, :2]
    assert np.abs(projected - label.shape).max() < 0.05
    assert np.abs(label.projected_shape - label.shape).max() < 0.05
    assert label.residual < 1e-3


@pytest.mark.parametrize("number", range(6))
def test_the_drawn_head_covers_the_projected_mesh(studio: Studio, number: int) -> None:
    """What the renderer says is head agrees with the triangles projected and filled by OpenCV, but for the outline."""
    scene = a_scene(studio, number)
    own = scene.surfaces[: scene.head.stop - 1]
    picture = studio.renderer.draw(own, scene.camera, scene.lighting)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for surface in own:
        corners = scene.camera.project(surface.vertices)[surface.triangles]
        across, along = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        corners = corners[across[:, 0] * along[:, 1] < across[:, 1] * along[:, 0]]  # seen from outside; y is down
        for triangle in ((corners - 0.5) * 16).round().astype(np.int32):
            cv2.fillConvexPoly(mask, triangle, 255, cv2.LINE_8, 4)
    outline = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    outline[[0, -1]] = outline[:, [0, -1]] = True
    assert (mask > 0).mean() > 0.15
    assert ((mask > 0) != (picture.owner > 0))[~outline].sum() <= 2


def test_a_face_is_seen_where_its_landmarks_are(studio: Studio) -> None:
    """The inner landmarks that count as visible lie on pixels of the head."""
    for number in range(6):
        scene = a_scene(studio, number)
        picture = studio.renderer.draw(scene.surfaces, scene.camera, scene.lighting)
        label = studio.label(scene, picture)
        inner = label.shape[17:][label.visible[17:]]
        x, y = np.clip(inner.astype(int), 1, SIZE - 2).T
        around = np.stack([picture.owner[y + dy, x + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
        assert np.isin(around, scene.head).any(axis=0).all()


@pytest.mark.parametrize(
    "values",
    [{"size_px": 8}, {"per_person": 0}, {"no_face": 1.0}, {"greatest_yaw_deg": 0.0}, {"greatest_yaw_deg": 120.0}],
)
def test_senseless_configurations_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        SceneConfig(**values)  # type: ignore[arg-type]
