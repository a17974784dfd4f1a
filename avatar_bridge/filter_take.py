"""What smoothing does to a recorded take: jitter at rest, lag in motion, depth of blinks, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar_bridge.config import SmoothingConfig
from avatar_bridge.errors import RecordingError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.smoothing import FaceSmoother
from rdr_core.evaluation.face_series import FaceSeries
from rdr_core.evaluation.steadiness import Lag, RestConfig, describe, jitter_samples, lags, rest_frames
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT
from rdr_core.types import Float32

LEAST_FRAMES: Final = 16
"""A take with the face in fewer frames tells nothing about time."""
LEAST_BLINK: Final = 0.1
"""A blink stands out of its surroundings by so much, in EyeClose."""
LONGEST_BLINK_S: Final = 0.25
"""At half its height."""
QUANTITIES: Final = {
    "brows": "coefficients_brows_percent",
    "eyes": "coefficients_eyes_percent",
    "mouth": "coefficients_mouth_percent",
    "jaw": "coefficients_jaw_percent",
    "head": "turn_deg",
    "position": "position_percent",
    "landmarks": "landmarks_percent",
}
"""Part of the face -> its jitter."""


@dataclass(frozen=True, slots=True)
class TakeSmoothing:
    """A take before and after smoothing."""

    frames: int
    """Of the face that is in most of them."""
    rate_hz: float
    rest_frames: int
    jitter: dict[str, tuple[float, float]]
    """Part -> RMS of second differences at rest, before and after: % of the range (brows to jaw), degrees (head), % of
    the inter-ocular distance; NaN without rest."""
    lag_ms: dict[str, Lag | None]
    """Part -> delay in motion; None where it hardly moves."""
    blinks_kept: list[float]
    """Share of its depth that each blink keeps, in the order of time."""


def smooth_take(messages: Iterable[object], config: SmoothingConfig) -> TakeSmoothing:
    """Smooth the face that is in most frames of a take, and measure what that did.

    Raises:
        RecordingError: too few frames of a face, or frames without landmarks.
    """
    frames = _of_one_face([m for m in messages if isinstance(m, FaceFrame) and m.tracked])
    smoother = FaceSmoother(config)
    smooth = [smoother.smooth(frame) for frame in frames]
    times_s = np.array([frame.capture_time_ns - frames[0].capture_time_ns for frame in frames]) / 1e9
    steps_s = np.diff(times_s)
    rate_hz = 1 / float(np.median(steps_s))
    gaps = np.flatnonzero(steps_s * rate_hz > 1.5)
    raw, filtered = _series(frames, gaps), _series(smooth, gaps)
    corners = raw.landmarks_px[:, EYE_RIGHT[0]] - raw.landmarks_px[:, EYE_LEFT[3]]
    inter_ocular_px = float(np.nanmedian(np.linalg.norm(corners, axis=1)))
    rest = rest_frames(raw.landmarks_px, inter_ocular_px, rate_hz, RestConfig())
    before, after = (describe(jitter_samples(series, rest, inter_ocular_px)) for series in (raw, filtered))
    return TakeSmoothing(
        frames=len(frames),
        rate_hz=rate_hz,
        rest_frames=int(rest.sum()),
        jitter={part: (before[name]["rms"], after[name]["rms"]) for part, name in QUANTITIES.items()},
        lag_ms=lags(raw, filtered, inter_ocular_px, rate_hz),
        blinks_kept=blinks_kept(_eye_close(frames), _eye_close(smooth), rate_hz),
    )


def blinks_kept(raw: Float32, filtered: Float32, rate_hz: float) -> list[float]:
    """Return the share of its depth that each blink of (T,) EyeClose keeps when filtered.

    A blink is a short peak; its depth is counted from the higher of the two valleys beside it.
    """
    from scipy.signal import find_peaks

    longest = max(1.0, LONGEST_BLINK_S * rate_hz)
    peaks, about = find_peaks(raw, prominence=LEAST_BLINK, width=(None, longest))
    late = round(0.1 * rate_hz)
    return [
        float((filtered[peak : peak + late + 1].max() - (raw[peak] - depth)) / depth)
        for peak, depth in zip(peaks, about["prominences"], strict=True)
    ]


def _of_one_face(tracked: Sequence[FaceFrame]) -> list[FaceFrame]:
    """Return the frames of the face that is in most of them, in the order of time, one for each instant."""
    faces: dict[tuple[str, int], dict[int, FaceFrame]] = {}
    for frame in tracked:
        faces.setdefault((frame.session, frame.face_id), {})[frame.capture_time_ns] = frame
    most = max(faces.values(), key=len, default={})
    if len(most) < LEAST_FRAMES:
        raise RecordingError(f"the take has no face in {LEAST_FRAMES} frames or more: record a longer one")
    if any(frame.landmarks_px is None for frame in most.values()):
        raise RecordingError("the take has no landmarks, which say when a face is at rest: record one with rdr track")
    return [most[time_ns] for time_ns in sorted(most)]


def _series(frames: Sequence[FaceFrame], gaps: np.ndarray) -> FaceSeries:
    """Return frames as arrays, with a row of NaN where frames are missing: no window of rest reaches across."""

    def column(name: str) -> Float32:
        rows = np.stack([np.asarray(getattr(frame, name), np.float64) for frame in frames])
        return np.insert(rows, gaps + 1, np.nan, axis=0)

    return FaceSeries(
        landmarks_px=column("landmarks_px"),
        euler_rad=column("euler_rad"),
        translation_px=column("translation_px")[:, :2],
        scale_px_per_cm=column("scale_px_per_cm"),
        alpha_exp=column("alpha_exp"),
    )


def _eye_close(frames: Sequence[FaceFrame]) -> Float32:
    where = [BLENDSHAPE_NAMES.index("EyeClose_L"), BLENDSHAPE_NAMES.index("EyeClose_R")]
    return np.stack([frame.alpha_exp for frame in frames])[:, where].mean(axis=1)
