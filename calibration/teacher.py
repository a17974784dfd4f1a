"""Better answers than the network gives at once, to teach it: S* and Q* of a user's frames.

Nobody annotated a user's frames, so the signal is what one look at one frame lacks: the same frame through many crops,
the frames before and after it where the face stands still, and the user's own face, whose identity is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from calibration.errors import CalibrationError
from calibration.ranges import Ranges
from calibration.sitting import Kept, Sitting
from calibration.tracking import Predictor, UserFace
from calibration.user_model import UserModel
from rdr_core.data.augment import AugmentConfig, Stray, jitter_crop
from rdr_core.data.label import FaceLabel
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, combine
from rdr_core.fitting.contour import own_landmarks
from rdr_core.fitting.fit_group import face_box_size
from rdr_core.fitting.pose import Camera
from rdr_core.geometry.rotation import upright_roll_rad
from rdr_core.landmarks import BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT, JAW, NOSE_BASE, NOSE_BRIDGE
from rdr_core.types import FacePrediction, Float32, Pose

_PARTS: Final = [np.asarray([*part]) for part in (JAW, [*BROW_LEFT, *BROW_RIGHT], [*NOSE_BRIDGE, *NOSE_BASE],
                 EYE_LEFT, EYE_RIGHT, range(48, 68))]  # fmt: skip
_ALIKE: Final = Stray(1.0, shift_std=0.02, scale_std=0.04, roll_std_rad=0.05)
_NOTHING: Final = Stray(0.0, shift_std=0.0, scale_std=0.0, roll_std_rad=0.0)
CROPS_AS_TRACKED: Final = AugmentConfig(flip=0, tracked=_ALIKE, detected=_NOTHING, loose=_NOTHING)
"""How the looks at one frame differ."""


@dataclass(frozen=True)
class TeacherConfig:
    """What the teacher averages."""

    looks: int = 8
    """Crops of a frame."""
    reach: int = 4
    """Frames before and after; 0 for none."""
    still: float = 0.008
    """A neighbour in which a part of the face lies farther away than this share of the face's size hardly counts."""
    own_share: float = 3.0
    """The frame itself, after its looks, against one neighbour."""
    user_face: bool = True
    """Pose and expression with the user's identity; else with what the network says of it."""

    def __post_init__(self) -> None:
        if self.looks < 1 or self.reach < 0 or min(self.still, self.own_share) <= 0:
            raise CalibrationError(f"a teacher needs a look, a reach from 0 and positive shares, got {self}")


class Teacher:
    """Labels a sitting's pictures."""

    def __init__(
        self, predictor: Predictor, user: UserModel, model: DynamicExpressionModel, config: TeacherConfig | None = None
    ) -> None:
        """UserModelError where the user was calibrated with another face model."""
        self.config, self.user, self._predictor, self._model = config or TeacherConfig(), user, predictor, model
        # ranges are taken out when tracking, not learned: or they would be taken out twice
        self._face = UserFace(replace(user, ranges=Ranges.whole()), model)
        self._own = own_landmarks(model.topology)

    def label(self, sitting: Sitting, kept: Kept) -> FaceLabel:
        """Return S* and Q* of a kept picture, in its pixels."""
        prediction = self._with_neighbours(sitting, kept, self._looked_at(sitting, kept))
        return self._label(prediction)

    def _looked_at(self, sitting: Sitting, kept: Kept) -> FacePrediction:
        """The mean over crops, in the pixels of the kept picture."""
        rng = np.random.default_rng((kept.at, 5))
        first = into_square(sitting.seen[kept.at].prediction, kept)
        roll = upright_roll_rad(first.pose.euler_rad)
        crops = [
            jitter_crop(rng, first.shape, roll, self._predictor.crop_size, CROPS_AS_TRACKED)
            for _ in range(self.config.looks)
        ]
        return mean_prediction(self._predictor.predict(kept.image_bgr, crops), np.ones(len(crops)))

    def _with_neighbours(self, sitting: Sitting, kept: Kept, own: FacePrediction) -> FacePrediction:
        """Average over the time around, as far as the face stands still: past and future, so nothing comes late."""
        here, seen = sitting.seen[kept.at], sitting.seen
        around = range(max(kept.at - self.config.reach, 0), min(kept.at + self.config.reach + 1, len(seen)))
        near = [
            seen[i].prediction
            for i in around
            if i != kept.at and seen[i].source == here.source and abs(seen[i].time_ns - here.time_ns) < 0.3e9
        ]
        others = [into_square(prediction, kept) for prediction in near]
        size = face_box_size(own.shape) * self.config.still
        weights = [np.exp(-0.5 * (_apart(other.shape, own.shape) / size) ** 2) for other in others]
        return mean_prediction([own, *others], np.array([self.config.own_share, *weights]))

    def _label(self, prediction: FacePrediction) -> FaceLabel:
        if not self.config.user_face:
            refined, shape3d = prediction, None
        else:
            refined = self._face.refine(prediction)
            shape3d = combine(self.user.subset_neutral, self.user.subset_offsets, refined.alpha_exp)
        if shape3d is None:
            own = prediction.landmarks_3d
        else:
            pose = refined.pose
            camera = Camera(np.asarray(pose.euler_rad), np.asarray(pose.translation_px[:2]), pose.scale_px_per_cm)
            flat = camera.project(self._own.on(shape3d))
            own = np.concatenate([flat[:, :2], np.zeros((len(flat), 1))], axis=1)
        apart = np.linalg.norm(refined.projected_shape - prediction.shape, axis=1).mean()
        return FaceLabel(
            shape=prediction.shape.astype(np.float32),
            projected_shape=refined.projected_shape.astype(np.float32),
            landmarks_3d=own.astype(np.float32),
            visible=np.ones(68, bool),
            euler_rad=np.asarray(refined.pose.euler_rad, np.float32),
            translation_px=np.asarray(refined.pose.translation_px, np.float32),
            scale_px_per_cm=float(refined.pose.scale_px_per_cm),
            alpha_id=np.asarray(refined.alpha_id, np.float32),
            alpha_exp=np.clip(refined.alpha_exp, 0, 1).astype(np.float32),
            residual=float(apart / face_box_size(prediction.shape)),
            source="a frame of the user",
            fitted=True,
        )


def _apart(one: Float32, other: Float32) -> float:
    """Largest RMS distance of a part of the face: a blink is small among 68 landmarks."""
    square = ((one - other) ** 2).sum(axis=1)
    return max(float(np.sqrt(square[part].mean())) for part in _PARTS)


def into_square(prediction: FacePrediction, kept: Kept) -> FacePrediction:
    """Map a prediction from the source's pixels into those of a kept picture; the square is not turned."""
    square = kept.square
    translation = np.append(square.points_to_crop(prediction.pose.translation_px[:2]), 0).astype(np.float32)
    pose = Pose(prediction.pose.euler_rad, translation, prediction.pose.scale_px_per_cm * square.scale)
    points = prediction.landmarks_3d
    return replace(
        prediction,
        shape=square.points_to_crop(prediction.shape),
        projected_shape=square.points_to_crop(prediction.projected_shape),
        landmarks_3d=np.concatenate([square.points_to_crop(points[:, :2]), points[:, 2:] * square.scale], axis=1),
        pose=pose,
    )


def mean_prediction(predictions: Sequence[FacePrediction], weights: Float32) -> FacePrediction:
    """Weighted mean, in which a look counts by the network's confidence in it as well."""
    share = weights * [prediction.confidence for prediction in predictions]
    share = share / share.sum()

    def mean(name: str) -> Float32:
        values = np.tensordot(share, np.stack([getattr(p, name) for p in predictions]), axes=1)
        return np.asarray(values, np.float32)

    first = np.asarray(predictions[0].pose.euler_rad, np.float64)
    turns = [(np.asarray(p.pose.euler_rad) - first + np.pi) % (2 * np.pi) - np.pi for p in predictions]
    pose = Pose(
        (first + np.tensordot(share, np.stack(turns), axes=1)).astype(np.float32),
        np.tensordot(share, np.stack([p.pose.translation_px for p in predictions]), axes=1).astype(np.float32),
        float(np.exp(share @ np.log([p.pose.scale_px_per_cm for p in predictions]))),
    )
    names = ("shape", "projected_shape", "landmarks_3d", "alpha_exp", "alpha_id")
    return replace(
        predictions[0],
        **{name: mean(name) for name in names},
        pose=pose,
        confidence=float(share @ [p.confidence for p in predictions]),
    )
