"""Where a person looks: the iris is searched in the picture, on eyeballs of which place and size are known.

The network reads gaze from the whole face at a size at which an iris is a few pixels, and mostly guesses to the side.
Where eyeballs are known, a user's own or an average person's, each direction says which pixels between the lids are
dark.

P, Y: pitches and yaws tried.  D: both together.  Q: points of the picture that are looked at, per eye.  E: expressions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.face_model.eyes import GAZE_DEG, ball_of, find_eyeballs
from rdr_core.fitting.pose import Camera
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT
from rdr_core.types import Float32, UInt8

_STEP_CM: Final = 0.1
_REACH_CM: Final = (1.7, 1.0)
"""Half width and height of what is looked at about an eye."""
_YAWS_DEG: Final = np.arange(-42.0, 42.1, 3.5)
_PITCHES_DEG: Final = np.arange(-30.0, 25.1, 5.0)
_PUPIL_DEG, _IRIS_DEG = 8.0, 23.0
_IRIS_BRIGHTNESS: Final = 0.5
"""Of an iris, between the pupil's 0 and the white's 1; only its order matters."""
_LIDS_SHRUNK: Final = 0.8
"""Lids throw shadows and carry lashes: so much of their opening is looked at."""
_PITCH_BIAS_DEG: Final = 2.0
"""The upper lid's shadow makes every eye look up by so much."""
_INDEPENDENT: Final = 0.25
"""Pixels of a lid's opening tell as much as so many times as many independent ones."""
_SPREAD_DEG: Final = (12.0, 3.5)
"""The prior: how far people look to the side, and how far off the network's up and down is."""
_APART_DEG: Final = (3.0, 20.0)
_CROSSED: Final = 0.03
"""How far the yaws of the two eyes differ: little, and in this share of frames much."""
_SACCADE: Final = 0.5
_SLOWEST: Final = 0.25
"""Eyes jump: a step of the one is taken at once, a small one is mostly noise, and is taken by this share a frame."""
_LIDS_HIDE: Final = (0.5, 0.9)
"""From the one lids begin to hide the iris, from the other the eye counts as closed."""
_LIDS_HOLD: Final = (0.1, 0.4)
"""The same where it is known how the eyes looked before: that is held sooner than an iris half hidden is believed."""
_COLUMNS: Final = {
    side: [BLENDSHAPE_NAMES.index(f"EyeLook{way}_{side}") for way in ("Up", "Down", "In", "Out")] for side in "LR"
}
GAZE_SHAPES: Final = np.array([name.startswith("EyeLook") for name in BLENDSHAPE_NAMES])
"""(E,) which expressions are gaze."""
_LIDS: Final = np.array([name.startswith("EyeClose") for name in BLENDSHAPE_NAMES])
_BLINKING: Final = 6.0
"""A lid that moves by a tenth in a frame counts as so many tenths more closed: gaze is held through a blink."""
_EYES: Final = {"L": EYE_LEFT, "R": EYE_RIGHT}


@dataclass(frozen=True, eq=False)
class Eyeball:
    """One eye of a person at rest, model frame."""

    side: str
    """L or R, of the person."""
    center_cm: Float32
    """(3,)."""
    radius_cm: float
    from_corners_cm: Float32
    """(3,) from the middle of the corners of the eye to the centre."""

    def lids_of(self, points_px: Float32) -> Float32:
        """(68, 2) landmarks -> (6, 2) those of this eye's lids."""
        return points_px[_EYES[self.side]]

    def center_px(self, camera: Camera, lids_px: Float32) -> Float32:
        """Where a camera sees the centre, (2,), by the corners of the lids (6, 2)."""
        from_corners = (camera.rotation @ self.from_corners_cm)[:2] * [1, -1]
        return np.asarray(lids_px[[0, 3]].mean(axis=0) + camera.scale_px_per_cm * from_corners)


def eyeballs_of(model: DynamicExpressionModel, alpha_id: Float32) -> tuple[Eyeball, ...]:
    """Return a person's two eyeballs; none where the face model has none."""
    if model.accessories is None:
        return ()
    inner, _ = model.accessories.tensor.contract_identity(alpha_id)
    neutral, _ = model.landmark_tensor.contract_identity(alpha_id)
    landmarks, found = neutral[model.topology.landmarks_in_subset], []
    for ball in find_eyeballs(model.accessories):
        center, radius = ball_of(inner[ball])
        side = "L" if center[0] > 0 else "R"
        corners = landmarks[_EYES[side][[0, 3]]].mean(axis=0)
        found.append(Eyeball(side, center, radius, center - corners))
    return tuple(found) if {eye.side for eye in found} == set("LR") else ()


def shut(alpha_exp: Float32, before: Float32 | None) -> float:
    """How far the lids hide the eyes, 0 and up, by (E,) coefficients of now and, where known, of the frame before."""
    closed = float(alpha_exp[_LIDS].mean())
    if before is not None:  # lids on their way hide more than their place says
        closed += _BLINKING * abs(closed - float(before[_LIDS].mean()))
    return closed


def look(
    image_bgr: UInt8,
    camera: Camera,
    points_px: Float32,
    alpha_exp: Float32,
    eyes: tuple[Eyeball, ...],
    closed: float = 0.0,
    before: Float32 | None = None,
) -> Float32:
    """Return alpha_exp (E,) with the gaze that the picture shows.

    Args:
        image_bgr: (H, W, 3) picture.
        camera: of the head.
        points_px: (68, 2) landmarks S.
        alpha_exp: (E,) what the network says: of gaze to the side nothing, of up and down something.
        eyes: of the person.
        closed: how far the lids hide the eyes, as `shut` says.
        before: (E,) of the last frame: behind closed lids the eyes stay where they were; None: as up or down as the
            network says, straight ahead to the sides.
    """
    begins, ends = _LIDS_HIDE if before is None else _LIDS_HOLD
    hidden = float(np.clip((closed - begins) / (ends - begins), 0, 1))
    seen = 1 - hidden if before is None else 1.0
    logs = [seen * _likelihood(image_bgr, camera, points_px, eye) for eye in eyes]
    yaws_deg, pitch_deg = _together(logs, float(np.mean([_pitch_deg(alpha_exp, eye.side) for eye in eyes])))
    pitch_deg -= seen * _PITCH_BIAS_DEG
    result = np.array(alpha_exp, np.float64)
    for eye, yaw_deg in zip(eyes, yaws_deg, strict=True):
        columns, now = _COLUMNS[eye.side], _coefficients(yaw_deg, pitch_deg, eye.side)
        if before is None:
            result[columns] = now
            continue
        step = now - before[columns]
        pace = np.clip(np.abs(step).max() / _SACCADE, _SLOWEST, 1.0)
        result[columns] = before[columns] + (1 - hidden) * pace * step
    return result


def _together(logs: list[Float32], expected_pitch_deg: float) -> tuple[list[float], float]:
    """Yaw of each of two eyes and the pitch of both, degrees, of what each says, (P, Y).

    Eyes turn alike as a rule, and what one does not see the other does; some people cross them.
    """
    pitches = -(((_PITCHES_DEG - expected_pitch_deg) / _SPREAD_DEG[1]) ** 2) / 2
    first, second = logs
    log = pitches[:, None, None] + _pairs() + first[:, :, None] + second[:, None, :]
    share = np.exp(log - log.max())
    share /= share.sum()
    yaws = [float(share.sum(axis=axes) @ _YAWS_DEG) for axes in ((0, 2), (0, 1))]
    return yaws, float(share.sum(axis=(1, 2)) @ _PITCHES_DEG)


@lru_cache(maxsize=1)
def _pairs() -> Float32:
    """(Y, Y) logarithm of how likely it is that two eyes look so far to the side."""
    middle, apart = (_YAWS_DEG[:, None] + _YAWS_DEG) / 2, _YAWS_DEG[:, None] - _YAWS_DEG
    parallel, crossed = (np.exp(-((apart / spread) ** 2) / 2) / spread for spread in _APART_DEG)
    return np.log((1 - _CROSSED) * parallel + _CROSSED * crossed) - (middle / _SPREAD_DEG[0]) ** 2 / 2


def _likelihood(image: UInt8, camera: Camera, points: Float32, eye: Eyeball) -> Float32:
    """(P, Y) logarithm of how well an iris on this eyeball, looking that way, explains what is between the lids."""
    grid, directions, shape = _grid(), _directions(), (len(_PITCHES_DEG), len(_YAWS_DEG))
    turn = camera.rotation
    lids = eye.lids_of(points).astype(np.float64)
    at = (eye.center_px(camera, lids) + camera.scale_px_per_cm * grid * [1, -1]).astype(np.float32)
    middle = lids.mean(axis=0)
    inside = _between(middle + _LIDS_SHRUNK * (lids - middle), at)
    ball = 1 - (grid**2).sum(axis=1) / eye.radius_cm**2
    use = inside & (ball > 0.02)
    if use.sum() < 12:
        return np.zeros(shape)
    x, y = np.ascontiguousarray(at[use].T)[:, None]
    seen = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    surface = np.concatenate([grid[use] / eye.radius_cm, np.sqrt(ball[use])[:, None]], axis=1)
    cosine = surface.astype(np.float32) @ (turn @ directions.T).astype(np.float32)
    return _likeness(seen.astype(np.float32).mean(axis=1), cosine).reshape(shape)


def _likeness(gray: Float32, cosine: Float32) -> Float32:
    """(Q,) brightness and (Q, D) cosine of the angle from each direction -> (D,) logarithm of the likelihood.

    Pupil, iris and white are three levels; brightness and contrast are free, as long as the pupil is the darkest.
    """
    pupil, iris = np.cos(np.radians([_PUPIL_DEG, _IRIS_DEG]))
    white = (cosine <= iris).astype(np.float32)
    drawn = _IRIS_BRIGHTNESS * ((cosine <= pupil) + white) + (1 - 2 * _IRIS_BRIGHTNESS) * white
    drawn -= drawn.mean(axis=0)
    gray = gray - gray.mean()
    alike = np.maximum(gray @ drawn, 0) ** 2 / np.maximum((drawn**2).sum(axis=0) * (gray @ gray), 1e-9)
    return -_INDEPENDENT * len(gray) / 2 * np.log(np.maximum(1 - alike, 0.05))


def _between(lids: Float32, at: Float32) -> Float32:
    """(6, 2) lids and (Q, 2) points -> (Q,) which are between the lids: inside of all edges, corners in order."""
    edges = np.roll(lids, -1, axis=0) - lids
    away = at[:, None] - lids
    side = edges[:, 0] * away[..., 1] - edges[:, 1] * away[..., 0]
    return (side > 0).all(axis=1)


@lru_cache(maxsize=1)
def _grid() -> Float32:
    """(Q, 2) points about an eye's centre, cm, y up."""
    x, y = (np.arange(-reach, reach + 1e-6, _STEP_CM) for reach in _REACH_CM)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


@lru_cache(maxsize=1)
def _directions() -> Float32:
    """(P Y, 3) unit vectors in the head's frame."""
    angles = np.stack(np.meshgrid(_YAWS_DEG, _PITCHES_DEG), axis=-1).reshape(-1, 2)
    return np.stack([matrix_from_euler(np.radians([pitch, yaw, 0.0]))[:, 2] for yaw, pitch in angles])


def _pitch_deg(alpha_exp: Float32, side: str) -> float:
    """How far up an eye looks, degrees."""
    up, down = (float(alpha_exp[column]) for column in _COLUMNS[side][:2])
    return GAZE_DEG["up"] * up - GAZE_DEG["down"] * down


def _coefficients(yaw_deg: float, pitch_deg: float, side: str) -> Float32:
    """Up, Down, In, Out of an eye."""
    outward = yaw_deg / GAZE_DEG["side"] * (1 if side == "L" else -1)
    up, down = pitch_deg / GAZE_DEG["up"], -pitch_deg / GAZE_DEG["down"]
    return np.clip([up, down, -outward, outward], 0, 1)
