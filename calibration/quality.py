"""How good a calibration is, in numbers that people can act on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from calibration.errors import CalibrationError


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """Of the frames that a user model was made from."""

    frames: int
    """Frames that identity was fitted to."""
    left_out: int
    """Frames that did not agree with the others, and count little or nothing."""
    yaw_range_deg: tuple[float, float]
    """Least and greatest yaw among them."""
    error_percent: float
    """Mean distance of the fitted landmarks from the seen ones, percent of the face box."""
    mean_face_error_percent: float
    """The same with the mean face instead of the user's."""
    held_out_error_percent: float
    """The same over frames that the fit has not seen; far above `error_percent` it means overfitting."""
    distance_from_mean: float
    """Root mean square of alpha_id in standard deviations of the population; 1 is usual, over 3 hardly a face."""
    focal_length_px: float | None = None
    """Of the camera, where perspective was fitted; None: weak perspective."""
    shown: tuple[str, ...] = ()
    """Poses that were really held."""
    missed: tuple[str, ...] = ()
    """Poses that were asked for in vain."""

    def __post_init__(self) -> None:
        numbers = [self.error_percent, self.mean_face_error_percent, self.held_out_error_percent]
        numbers += [self.distance_from_mean, *self.yaw_range_deg, self.focal_length_px or 1.0]
        if self.frames < 1 or self.left_out < 0 or not all(math.isfinite(number) for number in numbers):
            raise CalibrationError(f"a quality report needs frames and finite numbers, got {self}")

    @property
    def advice(self) -> tuple[str, ...]:
        """What would make it better."""
        low, high = self.yaw_range_deg
        said = []
        if self.frames < 8:
            said.append(f"only {self.frames} frames: look into the camera for longer")
        if high - low < 30:
            said.append(f"the head was turned over {high - low:.0f} degrees only: turn it further to both sides")
        if self.held_out_error_percent >= self.mean_face_error_percent:
            said.append("it fits new frames no better than the mean face: better light, a closer camera, more frames")
        if self.missed:
            said.append(f"not shown: {', '.join(self.missed)}")
        return tuple(said)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> QualityReport:
        """Return what `as_dict` gave; keys of later versions are ignored.

        Raises:
            TypeError, KeyError, ValueError, CalibrationError: it is not that.
        """
        known: dict[str, Any] = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        lists: dict[str, Any] = {
            name: tuple(known[name]) for name in ("yaw_range_deg", "shown", "missed") if name in known
        }
        return cls(**(known | lists))
