"""A sampled person: a face of the model with skin, hair, eyes, teeth, neck and clothes, posed again and again.

Model frame, cm. E: expressions (46).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import cv2
import numpy as np
from scipy import sparse

from rdr_core.face_model.dynamic_expression_model import combine
from rdr_core.face_model.eyes import Gaze, ball_of, eye_texture, unit_sphere
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.synthesis.camera import HeadPlacement
from rdr_core.synthesis.head_parts import InnerPart
from rdr_core.synthesis.normals import vertex_normals
from rdr_core.synthesis.skin import vary_tone
from rdr_core.synthesis.surface import Material, Surface
from rdr_core.synthesis.wardrobe import TWIST_PIVOT, Measured, Wardrobe
from rdr_core.types import Float32, UInt8

_SHOULDERS_FOLLOW: Final = (0.35, 1.0)
"""How much of the head's yaw the shoulders take part in; little of its pitch and roll."""
_MOST_TWIST_RAD: Final = 1.0
_UPPER_LIP: Final = [61, 62, 63]
_LOWER_LIP: Final = [67, 66, 65]
_LIPS_APART_CM: Final = 0.08
_BESIDE_NOSE: Final = [1, 2, 14, 15, 28, 29, 30]
"""Landmarks whose texels show plain skin."""
_IDENTITY_LIMIT: Final = 2.5
"""Identity coefficients stay within so many standard deviations."""
_TEETH: Final = (0.62, 0.57, 0.48)
_GUMS: Final = (0.27, 0.075, 0.065)
_WIG: Final = 0.85
"""Share of the people with skins that have a wig who wear it; the others are bald or shaved."""


def sample_identity(rng: np.random.Generator, mean: Float32, std: Float32) -> Float32:
    """Draw alpha_id (I,) from the face model's prior."""
    noise = np.clip(rng.standard_normal(len(mean)), -_IDENTITY_LIMIT, _IDENTITY_LIMIT)
    return (mean + std * noise).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Part:
    """Vertices under the person's blendshapes and how their normals are made."""

    neutral: Float32
    """(N, 3)."""
    offsets: Float32
    """(E, 3 N), each expression in one block."""
    triangles: np.ndarray
    gather: sparse.csr_array
    """(N, T) sums the triangles' normals at the vertices."""

    def posed(self, alpha_exp: Float32) -> Float32:
        """(E,) -> (N, 3)."""
        moved = alpha_exp @ self.offsets
        moved += self.neutral.ravel()
        return moved.reshape(-1, 3)

    def normals(self, vertices: Float32) -> Float32:
        return vertex_normals(vertices, self.triangles, self.gather)


@dataclass(frozen=True, eq=False)
class _Eye:
    vertices: Float32
    gaze: Gaze


@dataclass(frozen=True)
class Looks:
    """What of a person is not the face model's."""

    measured: str
    """Name of the measured person whose skin, scalp and clothes are worn."""
    wig: str | None
    """Name of the measured person whose hair is worn; None keeps the scalp's own."""
    iris: int
    """Number of the iris colour."""
    tone_seed: int
    """Of the skin's and the hair's tone."""
    teeth: tuple[float, float, float] = _TEETH
    """Linear RGB."""


def sample_looks(rng: np.random.Generator, wardrobe: Wardrobe) -> Looks:
    """Draw skin, hair, eyes and teeth."""
    name = str(rng.choice(wardrobe.names))
    wig = None
    if name in wardrobe.wig_names and rng.random() < _WIG:
        wig = str(rng.choice(wardrobe.wig_names)) if rng.random() < 0.6 else name
    red, green, blue = np.exp(rng.normal(0, 0.12)) * np.array(_TEETH) * np.exp(rng.normal(0, [0, 0.02, 0.06]))
    return Looks(
        name, wig, int(rng.integers(len(IRISES))), int(rng.integers(2**31)), (float(red), float(green), float(blue))
    )


IRISES: Final = (
    ((96, 60, 32), (52, 30, 18)),
    ((70, 42, 24), (36, 22, 14)),
    ((120, 84, 44), (70, 48, 26)),
    ((128, 116, 70), (72, 74, 46)),
    ((118, 132, 140), (58, 78, 98)),
    ((136, 146, 148), (84, 94, 98)),
)
"""Inner and outer colour, sRGB: browns, hazel, blue, grey."""


class Person:
    """Meshes of one identity in one outfit.

    alpha_id: (I,).
    """

    def __init__(self, wardrobe: Wardrobe, alpha_id: Float32, looks: Looks) -> None:
        self.alpha_id, self.looks = alpha_id, looks
        self._wardrobe, model = wardrobe, wardrobe.model
        measured = wardrobe.people[wardrobe.names.index(looks.measured)]
        neutral, offsets = model.blendshapes(alpha_id)
        shift = _follow(wardrobe, measured, neutral)
        parts = wardrobe.parts
        flat = offsets.reshape(len(offsets), -1)
        self._skin = _Part(neutral + shift, flat, model.topology.triangles, parts.gather)
        self._twist = wardrobe.twist(self._skin.neutral) * wardrobe.neck
        rng = np.random.default_rng(looks.tone_seed)
        self._texture = vary_tone(wardrobe.skin(looks.measured), rng)
        subset = model.topology.subset
        self._subset = neutral[subset], np.ascontiguousarray(offsets[:, subset])
        self._iris = eye_texture(*IRISES[looks.iris])
        assert model.accessories is not None  # `HeadParts` has seen to that
        inner, inner_offsets = model.accessories.tensor.contract_identity(alpha_id)
        self._eyes = [_eye(inner[ball]) for ball in parts.eyeballs]
        self._sockets, *self._mouth = [
            _Part(inner[p.vertices], inner_offsets[:, p.vertices].reshape(len(offsets), -1), p.triangles, p.gather)
            for p in (parts.sockets, *parts.mouth)
        ]
        self._measured = measured
        self._wig = None if looks.wig is None else self._fit_wig(looks.wig, rng)

    def _fit_wig(self, name: str, rng: np.random.Generator) -> tuple[Float32, Float32, UInt8]:
        wardrobe = self._wardrobe
        wig = wardrobe.wig(name)
        own = wardrobe.people[wardrobe.names.index(name)].head
        moved = (self._skin.neutral - own)[wig.nearest].mean(axis=1)
        vertices = (wig.vertices + moved).astype(np.float32)
        normals = vertex_normals(vertices, wig.triangles, wig.gather)
        return vertices, normals, vary_tone(wig.texture, rng)

    def landmark_vertices(self, alpha_exp: Float32) -> Float32:
        """(E,) -> (n, 3) vertices of the face model's landmark subset, model frame, cm."""
        return combine(*self._subset, alpha_exp)

    @property
    def skin_rgb(self) -> UInt8:
        """(H, W, 3) texture of the skin, sRGB."""
        return self._texture

    @cached_property
    def skin_color(self) -> Float32:
        """(3,) linear RGB of the cheeks."""
        topology, size = self._wardrobe.model.topology, len(self._texture)
        assert topology.uv is not None  # `SkinMaker` has seen to that
        nose = topology.uv[topology.landmarks[_BESIDE_NOSE]]
        x, y = np.clip(nose * size, 0, size - 1).astype(int).T
        return ((np.median(self._texture[y, x], axis=0) / 255) ** 2.2).astype(np.float32)

    def head(self, alpha_exp: Float32, placement: HeadPlacement, shoulders: Float32) -> list[Surface]:
        """Pose the head: skin, eyes, mouth, painted hair. Landmarks lie on these.

        Args:
            alpha_exp: (E,) in [0, 1].
            placement: of the head in the view frame.
            shoulders: (3,) rotation vector of the shoulders against the head, rad.
        """
        mesh, light = self._wardrobe.head_mesh, self._wardrobe.split_light
        vertices = self._skin.posed(alpha_exp)
        normals = self._skin.normals(vertices)
        vertices, normals = turn_about_neck(vertices, normals, self._twist, shoulders)
        view, facing = placement.points(vertices), placement.directions(normals)
        view, facing = view[mesh.source], facing[mesh.source]
        bare, hairy = self._wardrobe.scalp_triangles(self.looks.measured)
        parts = self._wardrobe.parts
        found = [Surface(Material.SKIN, view, facing, bare, mesh.uv, self._texture, light=light)]
        found += [self._eye_surface(eye, alpha_exp, placement) for eye in self._eyes]
        found.append(_inner_surface(self._sockets, parts.sockets, _GUMS, alpha_exp, placement))
        if lips_are_open(self.landmark_vertices(alpha_exp)[self._wardrobe.model.topology.landmarks_in_subset]):
            for part, kind, color in zip(self._mouth, parts.mouth, (self.looks.teeth, _GUMS), strict=True):
                found.append(_inner_surface(part, kind, color, alpha_exp, placement))
        if len(hairy):
            found.append(Surface(Material.HAIR, view, facing, hairy, mesh.uv, self._texture, light=light))
        return found

    def _eye_surface(self, eye: _Eye, alpha_exp: Float32, placement: HeadPlacement) -> Surface:
        directions, triangles, uv = _sphere()
        turned = eye.gaze.turn(eye.vertices, alpha_exp)
        outward = turned - eye.gaze.pivot
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        return Surface(
            Material.EYE,
            placement.points(turned),
            placement.directions(outward),
            triangles,
            uv,
            self._iris,
            roughness=0.1,
        )

    def worn(self, placement: HeadPlacement, shoulders: Float32) -> list[Surface]:
        """Pose hair, neck and clothes; arguments as for `head`."""
        wardrobe = self._wardrobe
        found = []
        if self._wig is not None and self.looks.wig is not None:
            vertices, normals, texture = self._wig
            wig = wardrobe.wig(self.looks.wig)
            vertices, normals = turn_about_neck(vertices, normals, 0.7 * wardrobe.twist(vertices), shoulders)
            found.append(
                Surface(
                    Material.HAIR,
                    placement.points(vertices),
                    placement.directions(normals),
                    wig.triangles,
                    wig.uv,
                    texture,
                    roughness=0.5,
                    two_sided=True,
                )
            )
        body = self._measured
        vertices, normals = turn_about_neck(body.body, body.body_normals, body.body_twist, shoulders)
        mesh = wardrobe.shoulders
        found.append(
            Surface(
                Material.CLOTH,
                placement.points(vertices),
                placement.directions(normals),
                mesh.triangles,
                mesh.uv,
                self._texture,
                roughness=0.8,
                two_sided=True,
            )
        )
        return found


def _inner_surface(
    part: _Part, kind: InnerPart, color: tuple[float, float, float], alpha_exp: Float32, placement: HeadPlacement
) -> Surface:
    posed = part.posed(alpha_exp)
    view, facing = placement.points(posed), placement.directions(part.normals(posed))
    tint = np.array(color, np.float32)
    return Surface(kind.material, view, facing, part.triangles, tint=tint, light=kind.light, roughness=0.3)


def lips_are_open(landmarks: Float32) -> bool:
    """Whether anything of the mouth is seen between the inner lips of (68, 3) landmarks, cm."""
    return bool((landmarks[_UPPER_LIP, 1] - landmarks[_LOWER_LIP, 1] > _LIPS_APART_CM).any())


def sample_shoulders(rng: np.random.Generator, euler_rad: Float32) -> Float32:
    """Rotation vector (3,), rad, of the shoulders against a head of this pose."""
    pitch, yaw, roll = np.asarray(euler_rad, np.float64)
    body = matrix_from_euler(
        np.array(
            [0.15 * pitch + rng.normal(0, 0.06), yaw * rng.uniform(*_SHOULDERS_FOLLOW), roll * rng.uniform(0, 0.5)]
        )
    )
    vector = cv2.Rodrigues(matrix_from_euler(np.array([pitch, yaw, roll])).T @ body)[0].ravel()
    angle = float(np.linalg.norm(vector))
    return (vector * min(1.0, _MOST_TWIST_RAD / max(angle, 1e-9))).astype(np.float32)


def turn_about_neck(
    vertices: Float32, normals: Float32, weights: Float32, rotation: Float32
) -> tuple[Float32, Float32]:
    """Turn each vertex by its share of a rotation vector (3,), rad, about the neck's pivot."""
    moving = np.flatnonzero(weights)
    angle = float(np.linalg.norm(rotation))
    if angle < 1e-6 or not len(moving):
        return vertices, normals
    axis = (np.asarray(rotation) / angle).astype(np.float32)
    theta = (weights[moving] * angle).astype(np.float32)[:, None]
    cos, sin = np.cos(theta), np.sin(theta)

    def turned(v: Float32) -> Float32:  # Rodrigues
        return v * cos + np.cross(axis, v) * sin + axis * (v @ axis)[:, None] * (1 - cos)

    vertices, normals = vertices.copy(), normals.copy()
    vertices[moving] = turned(vertices[moving] - TWIST_PIVOT) + TWIST_PIVOT
    normals[moving] = turned(normals[moving])
    return vertices, normals


def _follow(wardrobe: Wardrobe, measured: Measured, neutral: Float32) -> Float32:
    """(N, 3) what scalp and neck are moved by, to be those of a measured person with their hair."""
    scalp = wardrobe.scalp[:, None] * (measured.head - wardrobe.mean)
    neck = wardrobe.neck[:, None]
    return ((1 - neck) * scalp + neck * (measured.head - neutral) + wardrobe.under_body).astype(np.float32)


def _eye(ball: Float32) -> _Eye:
    center, radius = ball_of(ball)
    return _Eye(center + np.float32(radius) * _sphere()[0], Gaze(center, is_left=bool(center[0] > 0)))


@lru_cache(maxsize=1)
def _sphere() -> tuple[Float32, np.ndarray, Float32]:
    return unit_sphere(14, 24)
