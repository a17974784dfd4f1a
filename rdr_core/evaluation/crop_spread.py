"""What the crop has to do with the answer: where trackers' crops lie, and how answers change with them.

A crop's offset from another: (4,) across and down along the other's axes in shares of its side, log of the sides'
ratio, turn in rad. Augmentation in training (`AugmentConfig`) should spread crops as tracking does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rdr_core.data.crop import Crop
from rdr_core.errors import ConfigError
from rdr_core.evaluation.face_series import COEFFICIENT_GROUPS, ClipTrack, Recrop
from rdr_core.face_model.blendshape_names import N_EXPRESSIONS
from rdr_core.geometry.rotation import wrapped
from rdr_core.landmarks import N_LANDMARKS
from rdr_core.types import FacePrediction, Float32

OFFSETS = ("across", "down", "log_side", "roll_rad")
"""What the four numbers of an offset are."""


@dataclass(frozen=True, slots=True)
class RecropConfig:
    """Which frames are looked at again, through which crops.

    The spreads are those of the tracker's own crops about the ideal ones on clips of people who talk.
    """

    every: int = 5
    """Every so-many-th frame."""
    crops: int = 8
    """Crops a frame."""
    shift_std: float = 0.005
    """Spread of the centre, along each axis, in shares of the crop's side."""
    log_side_std: float = 0.01
    """Spread of the logarithm of the side."""
    roll_std_rad: float = 0.006
    """Spread of the turn."""

    def __post_init__(self) -> None:
        spreads = (self.shift_std, self.log_side_std, self.roll_std_rad)
        if self.every < 1 or self.crops < 2 or not all(0 <= std < 0.5 for std in spreads):
            raise ConfigError(f"another look needs 2 crops or more, spreads from 0 to under 0.5, got {self}")


def moved_crop(crop: Crop, offset: Float32) -> Crop:
    """Return the crop that has an offset (4,) from `crop`."""
    cos, sin = np.cos(crop.roll_rad), np.sin(crop.roll_rad)
    center = crop.center_px + crop.side_px * (np.array([[cos, -sin], [sin, cos]]) @ offset[:2])
    return Crop(
        center.astype(np.float32), float(crop.side_px * np.exp(offset[2])), crop.size, float(crop.roll_rad + offset[3])
    )


def draw_offsets(rng: np.random.Generator, config: RecropConfig) -> Float32:
    """(m, 4) offsets of the crops for another look at a frame."""
    spreads = (config.shift_std, config.shift_std, config.log_side_std, config.roll_std_rad)
    return rng.normal(0, spreads, (config.crops, 4))


def recrop(frame: int, crop: Crop, offsets: Float32, predictions: Sequence[FacePrediction]) -> Recrop:
    """Gather what was seen through the crops at `offsets` (m, 4) from `crop`."""
    return Recrop(
        frame,
        crop,
        offsets,
        np.stack([p.shape for p in predictions]),
        np.stack([p.pose.euler_rad for p in predictions]),
        np.stack([p.alpha_exp for p in predictions]),
    )


def recrop_samples(clip: ClipTrack) -> dict[str, Float32]:
    """Spread of the answers over the crops of one frame: standard deviations, (n,) or (n, k), over n frames.

    Of a landmark it is the root of the summed variances of x and y.
    """
    looks = clip.recrops
    distance = _rows([np.sqrt(r.landmarks_px.var(axis=0, ddof=1).sum(axis=-1)) for r in looks], N_LANDMARKS)
    turn = np.degrees(_rows([wrapped(r.euler_rad - r.euler_rad[:1]).std(axis=0, ddof=1) for r in looks], 3))
    change = 100 * _rows([r.alpha_exp.std(axis=0, ddof=1) for r in looks], N_EXPRESSIONS)
    samples = {"landmarks_px": distance, "landmarks_percent": 100 / clip.inter_ocular_px * distance}
    samples |= {f"{angle}_deg": turn[:, k] for k, angle in enumerate(("pitch", "yaw", "roll"))}
    samples["coefficients_percent"] = change
    return samples | {f"coefficients_{part}_percent": change[:, where] for part, where in COEFFICIENT_GROUPS.items()}


def _rows(rows: Sequence[Float32], width: int) -> Float32:
    return np.array(rows, np.float64).reshape(-1, width)


def pull(clips: Sequence[ClipTrack]) -> dict[str, float]:
    """Which part of a crop's shift, growth and turn the answer goes along with: 0 is right, 1 is blind.

    Least squares over the crops of all frames, each about its frame's mean: of the landmarks' mean on the shift, of
    the log of their extent on the log side, of the head's roll on the turn. NaN where no frame was looked at again.
    """
    causes: dict[str, list[Float32]] = {"shift": [], "size": [], "turn": []}
    effects: dict[str, list[Float32]] = {"shift": [], "size": [], "turn": []}
    for look in (look for clip in clips for look in clip.recrops):
        middle = look.landmarks_px.mean(axis=1)
        extent = np.sqrt(((look.landmarks_px - middle[:, None]) ** 2).sum(axis=-1).mean(axis=1))
        causes["shift"].append(np.stack([moved_crop(look.crop, offset).center_px for offset in look.offsets]))
        effects["shift"].append(middle)
        causes["size"].append(look.offsets[:, 2])
        effects["size"].append(np.log(extent))
        causes["turn"].append(look.offsets[:, 3])
        effects["turn"].append(wrapped(look.euler_rad[:, 2] - look.euler_rad[0, 2]))
    return {name: _slope(causes[name], effects[name]) for name in causes}


def _slope(causes: Sequence[Float32], effects: Sequence[Float32]) -> float:
    causes, effects = ([values - values.mean(axis=0) for values in each] for each in (causes, effects))
    energy = sum(float((cause**2).sum()) for cause in causes)
    shared = sum(float((cause * effect).sum()) for cause, effect in zip(causes, effects, strict=True))
    return shared / energy if energy else float("nan")
