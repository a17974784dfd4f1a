"""One synthetic picture from a seed and its number: a person, expression, pose, light, camera, and the exact label."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from rdr_core.data.label import FaceLabel
from rdr_core.errors import ConfigError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, shipped_face_model
from rdr_core.synthesis.camera import (
    GREATEST_YAW_DEG,
    CameraConfig,
    HeadPlacement,
    face_middle,
    sample_camera,
    sample_pose,
)
from rdr_core.synthesis.environment import Environments
from rdr_core.synthesis.expressions import sample_expression
from rdr_core.synthesis.labels import DepthPicture, label_of
from rdr_core.synthesis.lighting import sample_lighting
from rdr_core.synthesis.occluders import sample_occluders
from rdr_core.synthesis.person import Person, sample_identity, sample_looks, sample_shoulders
from rdr_core.synthesis.renderer import TEXELS_PER_PX, Picture, Renderer
from rdr_core.synthesis.sensor import develop
from rdr_core.synthesis.surface import Camera, Lighting, Surface
from rdr_core.synthesis.wardrobe import Wardrobe
from rdr_core.types import Float32, UInt8

_ATLAS_PX: Final = 2048
"""Side of the measured atlases."""
_LEAST_VISIBLE: Final = 16
"""A face of which fewer landmarks are seen (a wig in profile, a hand) is drawn again, otherwise posed."""
_TRIES: Final = 3
_FROM_BEHIND: Final = 0.4
"""Share of the pictures without a face that show a head from behind."""


@dataclass(frozen=True)
class SceneConfig:
    """What synthetic pictures are like."""

    size_px: int = 160
    """Side of the square pictures; faces fill about half of it."""
    per_person: int = 8
    """Pictures of one person, each with another expression, pose, light and camera."""
    no_face: float = 0.06
    """Share of pictures without a face: rooms, landscapes, heads from behind."""
    samples: int = 4
    """Samples a pixel, against jagged edges."""
    greatest_yaw_deg: float = GREATEST_YAW_DEG
    """Heads are turned as far to either side."""
    camera: CameraConfig = field(default_factory=CameraConfig)

    def __post_init__(self) -> None:
        if not 64 <= self.size_px <= 1024 or self.per_person < 1 or not 0 <= self.no_face < 1:
            raise ConfigError(f"needs pictures of 64 to 1024 px and per_person from 1, got {self}")
        if not 0 < self.greatest_yaw_deg <= GREATEST_YAW_DEG:
            raise ConfigError(f"heads turn by more than 0 and up to 90 degrees, got {self.greatest_yaw_deg}")


@dataclass(frozen=True, eq=False)
class Scene:
    """All that is drawn, and what the label is made of."""

    surfaces: list[Surface]
    head: range
    """Numbers of the surfaces, counted from 1, on which landmarks lie."""
    person: Person
    alpha_exp: Float32
    face: Float32
    """(n, 3) vertices of the face model's landmark subset, model frame, cm."""
    placement: HeadPlacement
    camera: Camera
    lighting: Lighting


class Studio:
    """Draws the pictures of one seed; for one thread of one process. Use it in a `with` block."""

    def __init__(self, folder: Path, config: SceneConfig, seed: int, model: DynamicExpressionModel | None = None):
        """`folder`: the data folder's `face_model`."""
        self.config, self.seed = config, seed
        self.model = model or shipped_face_model()
        self.environments = Environments.load(folder)
        self.wardrobe = Wardrobe(folder, self.model, min(_ATLAS_PX, TEXELS_PER_PX * config.size_px))
        self.renderer = Renderer(self.environments, config.size_px, config.samples)
        self._pivot = face_middle(self.model)
        self._person: tuple[int, Person] | None = None

    def shoot(self, number: int) -> tuple[UInt8, FaceLabel | None]:
        """Picture `number` (s, s, 3) RGB, as a camera delivers it, and its label, None where there is no face."""
        rng = np.random.default_rng((self.seed, number))
        if rng.random() < self.config.no_face:
            return develop(rng, self._without_face(rng, number)), None
        person = self.person(number // self.config.per_person)
        for _ in range(_TRIES):
            scene = self.scene(rng, person)
            picture = self.renderer.draw(scene.surfaces, scene.camera, scene.lighting)
            label = self.label(scene, picture)
            if label.visible.sum() >= _LEAST_VISIBLE:
                break
        return develop(rng, picture.rgb), label

    def person(self, number: int) -> Person:
        """Person `number` of the seed; the last one is kept."""
        if self._person is None or self._person[0] != number:
            rng = np.random.default_rng((self.seed, number, 1))
            alpha_id = sample_identity(rng, self.model.identity_mean, self.model.identity_std)
            self._person = number, Person(self.wardrobe, alpha_id, sample_looks(rng, self.wardrobe))
        return self._person[1]

    def scene(self, rng: np.random.Generator, person: Person, euler_rad: Float32 | None = None) -> Scene:
        """Draw everything that a picture of a person needs; `euler_rad` fixes the pose."""
        alpha_exp = sample_expression(rng)
        euler = sample_pose(rng, self.config.greatest_yaw_deg) if euler_rad is None else euler_rad
        placement = HeadPlacement(euler, self._pivot)
        shoulders = sample_shoulders(rng, euler)
        own = person.head(alpha_exp, placement, shoulders)
        face = person.landmark_vertices(alpha_exp)
        landmarks = placement.points(face[self.model.topology.landmarks_in_subset])
        before = sample_occluders(rng, landmarks, skin=person.skin_color)
        surfaces = own + person.worn(placement, shoulders) + before
        camera = sample_camera(rng, self.config.size_px, landmarks, self.config.camera)
        lighting = sample_lighting(rng, self.environments)
        head = range(1, 1 + len(own))
        return Scene(surfaces, head, person, alpha_exp, face, placement, camera, lighting)

    def label(self, scene: Scene, picture: Picture) -> FaceLabel:
        """Return Q*, S* and what is seen of them."""
        seen = DepthPicture(picture.depth, picture.owner, scene.head)
        alpha_id, alpha_exp = scene.person.alpha_id, scene.alpha_exp
        return label_of(self.model, alpha_id, alpha_exp, scene.placement, scene.camera, seen, face=scene.face)

    def _without_face(self, rng: np.random.Generator, number: int) -> UInt8:
        if rng.random() < _FROM_BEHIND:
            turn = np.pi + np.radians(rng.uniform(-55, 55))
            euler = np.array([rng.normal(0, 0.2), turn, rng.normal(0, 0.15)], np.float32)
            scene = self.scene(rng, self.person(number // self.config.per_person), euler)
            return self.renderer.draw(scene.surfaces, scene.camera, scene.lighting).rgb
        light = sample_lighting(rng, self.environments)
        fov, blur = float(rng.uniform(0.2, 1.3)), float(rng.uniform(0, 0.015))
        size = self.config.size_px
        return self.environments.backdrop(light.environment, light.yaw_rad, size, fov, blur, light.exposure)

    def close(self) -> None:
        """Free the GL context."""
        self.renderer.close()

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
