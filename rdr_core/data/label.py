"""What is known of a face in a picture: Q*, S* and what of it is seen. The one label that shards, synthesis, profiling
and training share.

L: landmarks (68).  I: identity dimensions (50).  E: expressions (46).  Image frame: px, y down, pixel centres at .5.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from rdr_core.errors import DataError
from rdr_core.landmarks import N_LANDMARKS
from rdr_core.types import Float32

_DIGITS: Final = 6
"""Significant digits written: a label of a 4,000 px picture keeps 0.01 px, one of a 160 px picture 0.001 px."""


@dataclass(frozen=True, eq=False)
class FaceLabel:
    """Q* = (P, alpha_id, alpha_exp) and the landmarks of one face."""

    shape: Float32
    """(L, 2) float32 S*: jaw on the visible contour, image px."""
    projected_shape: Float32
    """(L, 2) float32 S_p of Q* under weak perspective, image px."""
    landmarks_3d: Float32
    """(L, 3) float32 the head's own points, jaw at fixed vertices; x, y, depth px."""
    visible: np.ndarray
    """(L,) bool: the landmark of `shape` is hidden neither by the head itself nor by anything before it."""
    euler_rad: Float32
    """(3,) float32 pitch, yaw, roll; Y-X-Z."""
    translation_px: Float32
    """(3,) float32, the third is 0."""
    scale_px_per_cm: float
    alpha_id: Float32
    """(I,) float32."""
    alpha_exp: Float32
    """(E,) float32 in [0, 1]."""
    residual: float
    """Mean distance of `projected_shape` from `shape` over sqrt(w h) of the box of `shape`."""
    source: str = ""
    """Where the picture comes from, e.g. "synthetic" or "300w_train/a.jpg profiled to yaw 60"."""
    fitted: bool = False
    """Q* was fitted to landmarks, not known: its expression and identity are guesses."""

    def to_json(self) -> bytes:
        """Write one JSON object, numbers rounded to what they are worth."""
        values: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value = value.astype(int) if value.dtype == bool else _rounded(value)
                value = value.tolist()
            elif isinstance(value, float | np.floating):
                value = float(f"{float(value):.{_DIGITS}g}")
            values[field.name] = value
        return json.dumps(values, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, content: bytes | str, where: str = "label") -> FaceLabel:
        """Read what `to_json` wrote; DataError in one line where it is not that."""
        try:
            row = json.loads(content)
            numbers = {name: np.array(row[name], np.float32) for name in _ARRAYS}
            label = cls(
                **numbers,
                visible=np.array(row["visible"], bool),
                scale_px_per_cm=float(row["scale_px_per_cm"]),
                residual=float(row["residual"]),
                fitted=bool(row["fitted"]),
                source=str(row["source"]),
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(f"{where}: not a face label ({type(error).__name__}: {error})") from error
        label.check(where)
        return label

    def check(self, where: str) -> None:
        """DataError unless shapes and ranges are as documented and every number is finite."""
        shapes = {
            "shape": (N_LANDMARKS, 2),
            "projected_shape": (N_LANDMARKS, 2),
            "landmarks_3d": (N_LANDMARKS, 3),
            "visible": (N_LANDMARKS,),
            "euler_rad": (3,),
            "translation_px": (3,),
        }
        for name, expected in shapes.items():
            got = getattr(self, name).shape
            if got != expected:
                raise DataError(f"{where}: `{name}` must have shape {expected}, got {got}")
        if self.alpha_id.ndim != 1 or self.alpha_exp.ndim != 1:
            raise DataError(f"{where}: `alpha_id` and `alpha_exp` must be lists of numbers")
        values = [getattr(self, name) for name in _ARRAYS] + [np.array([self.scale_px_per_cm, self.residual])]
        if not all(np.isfinite(value).all() for value in values) or self.scale_px_per_cm <= 0:
            raise DataError(f"{where}: a label holds finite numbers and a positive scale")
        if self.alpha_exp.min(initial=0) < 0 or self.alpha_exp.max(initial=0) > 1:
            raise DataError(f"{where}: `alpha_exp` must lie in [0, 1]")


_ARRAYS: Final = (
    "shape",
    "projected_shape",
    "landmarks_3d",
    "euler_rad",
    "translation_px",
    "alpha_id",
    "alpha_exp",
)


def _rounded(values: Float32) -> np.ndarray:
    """Round each number to `_DIGITS` significant digits, as float64 so that JSON shows them short."""
    values = values.astype(np.float64)
    magnitude = np.floor(np.log10(np.maximum(np.abs(values), 1e-12)))
    step = 10.0 ** np.clip(_DIGITS - 1 - magnitude, 0, 9)
    return np.round(values * step) / step
