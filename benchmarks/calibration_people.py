"""Rendered people who sit a calibration session, with known identity and expressions: for `benchmarks.calibration`.

Each sits at one place before one camera and shows the face at rest, every pose of the session, then other expressions
with the head turned elsewhere (for measuring), then closes the eyes and does nothing else.

G: frames.  I: identity dimensions.  E: expressions (46).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from calibration.observation import observe
from calibration.poses import NEUTRAL, POSES
from rdr_core.data.eye_patches import with_gaze
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES, N_EXPRESSIONS
from rdr_core.fitting.contour import landmarks_on_outline
from rdr_core.inference.detector import FaceDetector
from rdr_core.inference.eyes import EyeReader
from rdr_core.inference.tracker import FaceTracker
from rdr_core.synthesis.camera import HeadPlacement, face_middle
from rdr_core.synthesis.expressions import sample_expression
from rdr_core.synthesis.lighting import sample_lighting
from rdr_core.synthesis.person import sample_shoulders
from rdr_core.synthesis.scene import SceneConfig, Studio
from rdr_core.synthesis.sensor import develop
from rdr_core.synthesis.surface import Camera
from rdr_core.types import FacePrediction

SIZE_PX: Final = 448
FRAME_S: Final = 0.21
TEST, LIDS = "test", "lids"
"""Kinds of frames beside the session's poses."""
_TURNS: Final = {"left": (0.0, 30.0), "right": (0.0, -30.0), "up": (15.0, 0.0), "down": (-15.0, 0.0)}
"""Pitch and yaw of the poses that turn the head, degrees."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One frame: what was rendered, and what the network says of it."""

    kind: str
    """A pose's key, TEST or LIDS."""
    time_ns: int
    alpha_exp: Any
    """(E,) truth."""
    euler_rad: Any
    """(3,) truth."""
    landmarks_px: Any
    """(68, 2) truth, jaw on the outline that this camera sees."""
    image_bgr: Any
    """(s, s, 3) uint8."""
    prediction: FacePrediction
    """The network's."""
    read: FacePrediction
    """The same with the eye network's gaze."""
    sharpness: float


@dataclass(frozen=True, eq=False)
class Sitter:
    """One person."""

    alpha_id: Any
    """(I,) truth."""
    distance_cm: float
    """From the camera."""
    px_per_cm: float
    shots: list[Shot]
    skin_rgb: Any
    """(s, s, 3) uint8 truth, the face model's texture."""


def shots_of(rng: np.random.Generator, tests: int, lids: int) -> Iterator[tuple[str, Any, Any]]:
    """Yield kind, alpha_exp and Euler angles (rad) of a session's frames, then of `tests` others and `lids` of a
    blink."""
    rest = np.clip(rng.exponential(0.02, N_EXPRESSIONS), 0, 0.1)
    for _ in range(6):
        yield NEUTRAL, rest, np.radians(rng.normal(0, 2, 3))
    for pose in POSES:
        strong, turn = rest.copy(), np.zeros(2)
        for name in pose.shapes:
            strong[BLENDSHAPE_NAMES.index(name)] = rng.uniform(0.9, 1.0)
        if pose.measured_by is not None:
            turn = np.array(_TURNS[pose.key]) * rng.uniform(0.9, 1.3)
        for _ in range(5):
            yield pose.key, strong, np.radians([*(turn + rng.normal(0, 2, 2)), rng.normal(0, 3)])
    for _ in range(tests):
        pitch_yaw_roll = [rng.uniform(-12, 12), rng.uniform(-35, 35), rng.normal(0, 5)]
        yield TEST, sample_expression(rng).astype(np.float64), np.radians(pitch_yaw_roll)
    still = np.radians(rng.normal(0, 2, 3))
    for shut in np.linspace(0, 1, lids):
        closing = rest.copy()
        for side in "LR":
            column = BLENDSHAPE_NAMES.index(f"EyeClose_{side}")
            closing[column] = max(rest[column], shut)
        yield LIDS, closing, still


def sitters(data: Path, predictor: Any, people: int, seed: int, tests: int = 16, lids: int = 6) -> Iterator[Sitter]:
    """Render people and look at them with a network."""
    detector, eyes = FaceDetector(), EyeReader()
    with Studio(data / "face_model", SceneConfig(SIZE_PX), seed) as studio:
        pivot = face_middle(studio.model)
        for number in range(people):
            rng = np.random.default_rng((seed, number, 2))
            person, lighting = studio.person(number), sample_lighting(rng, studio.environments)
            distance = float(np.exp(rng.uniform(*np.log([40.0, 90.0]))))
            camera = Camera(SIZE_PX, 0.5 * SIZE_PX / 15.5, (SIZE_PX / 2, SIZE_PX / 2), distance)
            shots = []
            for frame, (kind, alpha_exp, euler) in enumerate(shots_of(rng, tests, lids)):
                placement = HeadPlacement(euler.astype(np.float32), pivot)
                shoulders = sample_shoulders(rng, euler)
                alpha_exp = alpha_exp.astype(np.float32)
                surfaces = person.head(alpha_exp, placement, shoulders) + person.worn(placement, shoulders)
                image = np.ascontiguousarray(
                    develop(rng, studio.renderer.draw(surfaces, camera, lighting).rgb)[..., ::-1]
                )
                view = placement.points(person.landmark_vertices(alpha_exp))
                truth = camera.project(landmarks_on_outline(studio.model.topology, camera.project(view)).on(view))
                time_ns = round(1e9 * FRAME_S * frame)
                faces = FaceTracker(predictor, detector).update(image, time_ns)
                if not faces:
                    continue
                said = faces[0].prediction
                read = replace(said, alpha_exp=with_gaze(said.alpha_exp, eyes.read(image, said)))
                sharpness = observe(said, image, time_ns).sharpness
                shots.append(Shot(kind, time_ns, alpha_exp, euler, truth, image, said, read, sharpness))
            yield Sitter(person.alpha_id, distance, camera.scale_px_per_cm, shots, person.skin_rgb)
