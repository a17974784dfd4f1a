"""The curves of a take: what was published, what the network said, when each face was lost, how late the filters are.

T: frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from avatar_bridge.config import SmoothingConfig
from avatar_bridge.errors import BridgeError, RecordingError
from avatar_bridge.filter_trials import region_lags_ms
from avatar_bridge.messages import FaceFrame
from avatar_bridge.recording import read_take
from avatar_bridge.recording.summary import Span, summarise
from avatar_bridge.recording.take import Frames
from avatar_bridge.regions import COEFFICIENTS
from avatar_bridge.tracks import FaceTrack, track_of
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.types import Float32

GROUPS: Final = ("head", "place", "brows", "eyes", "mouth", "jaw", "confidence")
_REGION_OF_GROUP: Final = {"head": "head", "place": "head"} | {name: name for name in ("brows", "eyes", "mouth", "jaw")}


@dataclass(frozen=True, eq=False)
class Curve:
    """One number over time."""

    name: str
    group: str
    """Of GROUPS."""
    unit: str
    filtered: Float32
    """(T,) as it was published; NaN where the face was lost."""
    raw: Float32 | None
    """(T',) as the network said it, at the times of FaceCurves.raw_s; None: was not recorded."""

    @property
    def range(self) -> float:
        """From its least to its greatest value; 0 where it was never seen."""
        return float(np.nanmax(self.filtered) - np.nanmin(self.filtered)) if np.isfinite(self.filtered).any() else 0.0


@dataclass(frozen=True, eq=False)
class FaceCurves:
    """One face."""

    face_id: int
    seconds: Float32
    """(T,) since the take's first frame."""
    raw_s: Float32
    """(T',)"""
    curves: tuple[Curve, ...]
    lost: tuple[Span, ...]

    def of_group(self, group: str) -> tuple[Curve, ...]:
        """Return the curves of a group."""
        return tuple(curve for curve in self.curves if curve.group == group)


@dataclass(frozen=True, eq=False)
class TakeCurves:
    """A take; the face that was seen longest first."""

    name: str
    duration_s: float
    rate_hz: float
    smoothing: str | None
    """What the filters were asked for; None: not known."""
    lag_ms: dict[str, float]
    """Group -> lag of a typical motion under those filters; empty where they are not known."""
    faces: tuple[FaceCurves, ...]


def read_curves(path: Path, progress: Callable[[int], object] = lambda frames: None) -> TakeCurves:
    """Read a take. Raises RecordingError where it is none, or no face is in it."""
    take = read_take(path)
    summary = summarise(take, progress)
    if not summary.faces:
        raise RecordingError(f"{path} has no face in it: was one in the picture while it was recorded?")
    tracks = {kind: _tracks(path, kind, summary.start_ns) for kind in ("filtered", "raw")}
    faces = []
    for face in summary.faces:
        key = face.session, face.face_id
        filtered, raw = tracks["filtered"][key], tracks["raw"].get(key)
        raw_s = np.zeros(0) if raw is None else raw.seconds
        faces.append(FaceCurves(face.face_id, filtered.seconds, raw_s, tuple(_curves(filtered, raw)), face.lost))
    smoothing = take.facts.smoothing
    lags = _lags(smoothing, summary.rate_hz)
    return TakeCurves(path.name, summary.duration_s, summary.rate_hz, smoothing, lags, tuple(faces))


def _tracks(path: Path, kind: Frames, origin_ns: int) -> dict[tuple[str, int], FaceTrack]:
    frames: dict[tuple[str, int], list[FaceFrame]] = {}
    for frame in read_take(path).frames(kind):
        frames.setdefault((frame.session, frame.face_id), []).append(frame)
    return {face: track_of(found, origin_ns) for face, found in frames.items()}


def _lags(smoothing: str | None, rate_hz: float) -> dict[str, float]:
    try:
        lags = region_lags_ms(SmoothingConfig.of(smoothing), rate_hz) if smoothing and rate_hz else {}
    except BridgeError:  # of a newer program
        return {}
    return {group: lags[region] for group, region in _REGION_OF_GROUP.items() if lags}


def _curves(filtered: FaceTrack, raw: FaceTrack | None) -> Iterator[Curve]:
    values, before = _columns(filtered), None if raw is None else _columns(raw)
    for name, (group, unit, column) in values.items():
        yield Curve(name, group, unit, column, None if before is None else before[name][2])


def _columns(track: FaceTrack) -> dict[str, tuple[str, str, Float32]]:
    """Name -> group, unit and values, NaN where the face was lost."""
    angles = np.degrees(track.euler_rad)
    columns = {name: ("head", "degrees", angles[:, i]) for i, name in enumerate(("pitch", "yaw", "roll"))}
    columns |= {name: ("place", "px", track.translation_px[:, i]) for i, name in enumerate(("x", "y"))}
    columns["scale"] = ("place", "px/cm", track.scale_px_per_cm)
    for region, indices in COEFFICIENTS.items():
        columns |= {BLENDSHAPE_NAMES[index]: (region, "0..1", track.weights[:, index]) for index in indices}
    columns["confidence"] = ("confidence", "0..1", track.confidence)
    return {k: (group, unit, np.where(track.tracked, column, np.nan)) for k, (group, unit, column) in columns.items()}
