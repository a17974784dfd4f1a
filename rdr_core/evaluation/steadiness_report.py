"""What is measured on tracked clips, put together: numbers of each clip and of all, and the files that hold them."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rdr_core.atomic import whole_file
from rdr_core.evaluation.crop_spread import OFFSETS, RecropConfig, pull, recrop_samples
from rdr_core.evaluation.curves import can_draw
from rdr_core.evaluation.face_series import ClipTrack
from rdr_core.evaluation.identity_spread import IdentitySpread, distance_mm, identity_spread, vertex_metric
from rdr_core.evaluation.steadiness import (
    Lag,
    RestConfig,
    describe,
    jitter_samples,
    lags,
    pooled,
    pooled_lag,
    rest_frames,
)
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.types import Float32

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredClip:
    """A clip and what was measured on it."""

    clip: ClipTrack
    rest: np.ndarray
    """(T,) bool."""
    raw: dict[str, Float32]
    """Second differences of the network's answers at rest (`jitter_samples`)."""
    filtered: dict[str, Float32]
    """The same of the published ones."""
    lags: dict[str, Lag | None]
    recrops: dict[str, Float32]
    """Spreads over the crops of a frame (`recrop_samples`)."""
    identity_mm: Float32
    """(T,) distance of each frame's neutral face from that of the person's mean; NaN where not tracked."""


@dataclass(frozen=True, slots=True, eq=False)
class Steadiness:
    """All clips."""

    clips: tuple[MeasuredClip, ...]
    identity: IdentitySpread
    rest: RestConfig
    recrop: RecropConfig

    def described(self, kind: str) -> dict[str, dict[str, float]]:
        """RMS and p95 over all clips of `raw`, `filtered` or `recrops`."""
        return describe(pooled([getattr(clip, kind) for clip in self.clips]))

    def lags(self) -> dict[str, Lag | None]:
        """Return the lag of each part over all clips."""
        return {part: pooled_lag([clip.lags[part] for clip in self.clips]) for part in self.clips[0].lags}

    def crop_offsets(self) -> dict[str, dict[str, float]]:
        """Return where the tracker's crops lay, over all clips."""
        return describe_offsets(np.concatenate([measured.clip.crop_offsets for measured in self.clips]))

    def pull(self) -> dict[str, float]:
        """Return how answers go along with crops, over all clips."""
        return pull([measured.clip for measured in self.clips])


def measure(
    clips: Sequence[ClipTrack], model: DynamicExpressionModel, rest: RestConfig, recrop: RecropConfig
) -> Steadiness:
    """Measure tracked clips; `model` is the face model of their alpha_id."""
    metric, of_people = vertex_metric(model), _identities(clips)
    spread = identity_spread(of_people, model.identity_std, metric)
    measured = []
    for clip in clips:
        still = rest_frames(clip.raw.landmarks_px, clip.inter_ocular_px, clip.rate_hz, rest)
        measured.append(
            MeasuredClip(
                clip,
                still,
                jitter_samples(clip.raw, still, clip.inter_ocular_px),
                jitter_samples(clip.filtered, still, clip.inter_ocular_px),
                lags(clip.raw, clip.filtered, clip.inter_ocular_px, clip.rate_hz),
                recrop_samples(clip),
                distance_mm(clip.alpha_id - of_people[clip.person].mean(axis=0), metric),
            )
        )
    return Steadiness(tuple(measured), spread, rest, recrop)


def _identities(clips: Sequence[ClipTrack]) -> dict[str, Float32]:
    people = dict.fromkeys(clip.person for clip in clips)
    return {
        person: np.concatenate([clip.alpha_id[clip.tracked] for clip in clips if clip.person == person])
        for person in people
    }


def describe_offsets(offsets: Float32) -> dict[str, dict[str, float]]:
    """Mean, spread and tails of crop offsets (T, 4), rows with NaN left out."""
    known = offsets[np.isfinite(offsets).all(axis=1)]
    if not len(known):
        return {name: dict.fromkeys(("mean", "std", "p95", "p99", "largest"), float("nan")) for name in OFFSETS}
    size = np.abs(known)
    columns = {
        "mean": known.mean(axis=0),
        "std": known.std(axis=0),
        "p95": np.percentile(size, 95, axis=0),
        "p99": np.percentile(size, 99, axis=0),
        "largest": size.max(axis=0),
    }
    return {name: {what: float(values[k]) for what, values in columns.items()} for k, name in enumerate(OFFSETS)}


def summary(steadiness: Steadiness) -> dict[str, Any]:
    """Return everything as steadiness.json holds it; what could not be measured is None."""
    identity = steadiness.identity
    numbers = {
        "settings": {"rest": asdict(steadiness.rest), "recrop": asdict(steadiness.recrop)},
        "total": {
            "jitter": _jitter(steadiness.described("raw"), steadiness.described("filtered")),
            "noisiest": _noisiest(pooled([clip.raw for clip in steadiness.clips])),
            "lag": _lags(steadiness.lags()),
            "recrop": steadiness.described("recrops"),
            "pull": steadiness.pull(),
            "crop_offsets": steadiness.crop_offsets(),
        },
        "identity": {
            "people": {
                person: {
                    "frames": one.frames,
                    "within_mm": one.within_mm,
                    "within_p95_mm": one.within_p95_mm,
                    "nearest_mm": one.nearest_mm,
                    "within_std": one.within_std.tolist(),
                }
                for person, one in identity.people.items()
            },
            "within_mm": identity.within_mm,
            "between_mm": identity.between_mm,
            "mm_ratio": identity.mm_ratio,
            "std_ratio": identity.std_ratio,
            "recognised_percent": identity.recognised_percent,
            "within_std": identity.within_std.tolist(),
            "between_std": identity.between_std.tolist(),
        },
        "clips": {measured.clip.name: _clip(measured) for measured in steadiness.clips},
    }
    return _finite(numbers)


def _clip(measured: MeasuredClip) -> dict[str, Any]:
    clip = measured.clip
    return {
        "person": clip.person,
        "frames": len(clip.tracked),
        "tracked": int(clip.tracked.sum()),
        "rest_frames": int(measured.rest.sum()),
        "rate_hz": clip.rate_hz,
        "inter_ocular_px": clip.inter_ocular_px,
        "jitter": _jitter(describe(measured.raw), describe(measured.filtered)),
        "noisiest": _noisiest(measured.raw),
        "lag": _lags(measured.lags),
        "recrop": describe(measured.recrops),
        "pull": pull([clip]),
        "crop_offsets": describe_offsets(clip.crop_offsets),
    }


def _jitter(raw: Mapping[str, Any], filtered: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"raw": raw[name], "filtered": filtered[name]} for name in raw}


def _noisiest(samples: Mapping[str, Float32], count: int = 5) -> dict[str, float]:
    """RMS second difference, % of the range, of the coefficients that jitter most."""
    change = samples["coefficients_percent"]
    if not len(change):
        return {}
    rms = np.sqrt((change**2).mean(axis=0))
    return {BLENDSHAPE_NAMES[k]: float(rms[k]) for k in rms.argsort()[::-1][:count]}


def _lags(of_parts: Mapping[str, Lag | None]) -> dict[str, Any]:
    return {part: None if lag is None else asdict(lag) for part, lag in of_parts.items()}


def _finite(value: Any) -> Any:
    """Round for people; JSON has no NaN."""
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def write_report(folder: Path, steadiness: Steadiness, plots: bool = True) -> Path:
    """Write steadiness.json, tables.md, and for each clip a CSV of its frames and a PNG; returns the JSON's path.

    Pictures need matplotlib; without it they are left out and a warning says so.
    """
    from rdr_core.evaluation.steadiness_plot import write_plot
    from rdr_core.evaluation.steadiness_tables import tables
    from rdr_core.evaluation.tables import markdown

    for measured in steadiness.clips:
        _write_frames(folder / f"{measured.clip.name}.csv", measured)
        if plots and can_draw():
            write_plot(folder / f"{measured.clip.name}.png", measured)
    if plots and not can_draw():
        logger.warning("no pictures are drawn, matplotlib is missing: install the extra `train`")
    with whole_file(folder / "tables.md") as temporary:
        pages = [markdown(table) for table in tables(steadiness)]
        temporary.write_text("\n".join(["# Steadiness", "", *pages]), encoding="utf-8")
    with whole_file(folder / "steadiness.json") as temporary:
        temporary.write_text(json.dumps(summary(steadiness), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return folder / "steadiness.json"


def _write_frames(path: Path, measured: MeasuredClip) -> None:
    columns = frame_columns(measured)
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow([f"{value:.6g}" if np.isfinite(value) else "" for value in row])


def frame_columns(measured: MeasuredClip) -> dict[str, Float32]:
    """Name -> (T,), one value a frame: what the CSV of a clip holds."""
    clip = measured.clip
    frames = np.arange(len(clip.tracked))
    columns: dict[str, Any] = {
        "frame": frames,
        "time_s": frames / clip.rate_hz,
        "tracked": clip.tracked.astype(int),
        "rest": measured.rest.astype(int),
        "confidence": clip.confidence,
        "identity_mm": measured.identity_mm,
    }
    columns |= {f"crop_{name}": clip.crop_offsets[:, k] for k, name in enumerate(OFFSETS)}
    for kind, series in (("raw", clip.raw), ("filtered", clip.filtered)):
        angles = np.degrees(series.euler_rad)
        columns |= {f"{angle}_deg_{kind}": angles[:, k] for k, angle in enumerate(("pitch", "yaw", "roll"))}
        columns |= {f"{axis}_px_{kind}": series.translation_px[:, k] for k, axis in enumerate("xy")}
        columns[f"px_per_cm_{kind}"] = series.scale_px_per_cm
        columns |= {f"{name}_{kind}": series.alpha_exp[:, k] for k, name in enumerate(BLENDSHAPE_NAMES)}
    return columns
