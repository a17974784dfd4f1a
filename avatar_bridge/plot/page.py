"""A take as one HTML page that can be zoomed and read off: everything is in the file, nothing is fetched."""

from __future__ import annotations

import base64
import html
import json
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from avatar_bridge.plot.curves import GROUPS, Curve, FaceCurves, TakeCurves
from rdr_core.atomic import whole_file
from rdr_core.types import Float32


def write_page(out: Path, take: TakeCurves) -> None:
    """Write the page, about 0.3 KB a frame with raw curves."""
    template = (files("avatar_bridge.plot") / "page.html").read_text(encoding="utf-8")
    content = template.replace("{{title}}", html.escape(take.name)).replace("{{take}}", _json(_take(take)))
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as temporary:
        temporary.write_text(content, encoding="utf-8")


def _json(value: Any) -> str:
    """JSON that may stand in a <script>: a take's names are not trusted."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")


def _take(take: TakeCurves) -> dict[str, Any]:
    return {
        "name": take.name,
        "duration_s": take.duration_s,
        "rate_hz": take.rate_hz,
        "smoothing": take.smoothing,
        "lag_ms": take.lag_ms,
        "groups": GROUPS,
        "faces": [_face(face) for face in take.faces],
    }


def _face(face: FaceCurves) -> dict[str, Any]:
    return {
        "face_id": face.face_id,
        "seconds": _floats(face.seconds),
        "raw_s": _floats(face.raw_s),
        "lost": [asdict(span) for span in face.lost],
        "curves": [_curve(curve) for curve in face.curves],
    }


def _curve(curve: Curve) -> dict[str, Any]:
    raw = None if curve.raw is None else _levels(curve.raw)
    return {
        "name": curve.name,
        "group": curve.group,
        "unit": curve.unit,
        "range": curve.range,
        "filtered": _levels(curve.filtered),
        "raw": raw,
    }


def _floats(values: Float32) -> str:
    return base64.b64encode(np.asarray(values, "<f4").tobytes()).decode()


def _levels(values: Float32) -> dict[str, Any]:
    """65,535 levels between the least and the greatest value; level 0 stands for NaN."""
    seen = np.isfinite(values)
    low, high = (float(values[seen].min()), float(values[seen].max())) if seen.any() else (0.0, 0.0)
    step = max((high - low) / 65534, 1e-12)
    levels = np.where(seen, np.round((np.where(seen, values, low) - low) / step) + 1, 0).astype("<u2")
    return {"low": low, "step": step, "levels": base64.b64encode(levels.tobytes()).decode()}
