"""A short performance of the avatar, rendered with everything about it known: the demo's clip and its truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from avatar_bridge.avatar import Avatar, load_skin, sample_identity
from avatar_bridge.preview.renderer import AvatarRenderer
from avatar_bridge.video_writer import VideoWriter
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, combine, shipped_face_model
from rdr_core.fitting.contour import visible_landmarks
from rdr_core.geometry.weak_perspective import project
from rdr_core.types import Float32

RATE_HZ: Final = 30.0
SIZE_PX: Final = 480
IDENTITY_SEED: Final = 5
_SCALE_PX_PER_CM: Final = 14.5

_TRACKS: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    "EyeClose_L EyeClose_R": ((0.30, 0), (0.38, 1), (0.46, 0), (2.2, 0), (2.28, 1), (2.36, 0)),
    "MouthSmile_L MouthSmile_R": ((0.5, 0), (0.9, 0.9), (1.3, 0.8), (1.6, 0)),
    "JawOpen": ((1.4, 0), (1.7, 0.55), (2.0, 0.1), (2.25, 0.45), (2.5, 0)),
    "BrowInnerUp BrowOuterUp_L BrowOuterUp_R": ((1.5, 0), (1.8, 0.8), (2.3, 0)),
    "MouthPucker": ((2.5, 0), (2.75, 0.9), (3.0, 0)),
    "BrowDown_L BrowDown_R": ((2.5, 0), (2.75, 0.7), (3.0, 0)),
}
"""(second, value) of each group of expressions; linear between, constant beyond."""
_HEAD_DEG: Final = {
    "pitch": ((0.0, 0), (1.0, 6), (2.0, -8), (3.2, 0)),
    "yaw": ((0.0, 0), (0.8, 22), (1.9, -24), (2.8, 5), (3.2, 0)),
    "roll": ((0.0, 0), (1.2, -7), (2.4, 8), (3.2, 0)),
}
SECONDS: Final = 3.2


@dataclass(frozen=True)
class Performance:
    """Truth of each frame of the clip."""

    time_s: Float32
    """(T,)."""
    alpha_exp: Float32
    """(T, E)."""
    euler_rad: Float32
    """(T, 3)."""
    translation_px: Float32
    """(T, 3)."""
    scale_px_per_cm: float
    shape: Float32
    """(T, 68, 2) landmarks, image px, jaw on the visible contour."""


def perform() -> Performance:
    """Return the truth of the demo's clip."""
    times = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    alpha = np.zeros((len(times), len(BLENDSHAPE_NAMES)), np.float32)
    for names, track in _TRACKS.items():
        for name in names.split():
            alpha[:, BLENDSHAPE_NAMES.index(name)] = _follow(times, track)
    euler = np.radians(np.stack([_follow(times, _HEAD_DEG[angle]) for angle in ("pitch", "yaw", "roll")], axis=1))
    translation = np.stack(
        [SIZE_PX / 2 + 14 * np.sin(1.7 * times), SIZE_PX / 2 + 6 * np.sin(2.3 * times), 0 * times], axis=1
    )
    model, alpha_id = shipped_face_model(), sample_identity(IDENTITY_SEED)
    shape = np.stack([_landmarks(model, alpha_id, *values) for values in zip(alpha, euler, translation, strict=True)])
    return Performance(times, alpha, euler.astype(np.float32), translation, _SCALE_PX_PER_CM, shape)


def _follow(times: Float32, track: tuple[tuple[float, float], ...]) -> Float32:
    seconds, values = zip(*track, strict=True)
    position = np.interp(times, seconds, values)
    return position.astype(np.float32)


def _landmarks(
    model: DynamicExpressionModel, alpha_id: Float32, alpha_exp: Float32, euler: Float32, translation: Float32
) -> Float32:
    vertices = combine(*model.landmark_tensor.contract_identity(alpha_id), alpha_exp)
    points = visible_landmarks(model.topology, vertices, euler).on(vertices)
    return project(points, euler, translation, np.float64(_SCALE_PX_PER_CM))[:, :2].astype(np.float32)


def render_clip(performance: Performance, path: Path, progress: Callable[[int], object]) -> None:
    """Render the performance to a video."""
    avatar = Avatar.of_model(shipped_face_model(), load_skin(), sample_identity(IDENTITY_SEED))
    with AvatarRenderer(avatar, SIZE_PX, SIZE_PX) as renderer, VideoWriter(path, RATE_HZ, quality=16) as video:
        for t, time_s in enumerate(performance.time_s):
            picture = renderer.render(
                performance.alpha_exp[t],
                performance.euler_rad[t],
                performance.translation_px[t],
                performance.scale_px_per_cm,
            )
            video.write(picture, round(float(time_s) * 1e9))
            progress(1)
