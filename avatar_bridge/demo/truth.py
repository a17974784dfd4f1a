"""How far the tracker's answers are from a performance's truth."""

from __future__ import annotations

import numpy as np

from avatar_bridge.demo.performance import Performance
from avatar_bridge.pipeline import TrackedPicture
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT

_MOVED = 0.3
"""Coefficients that reach this are compared in time as well."""


def compare(performance: Performance, pictures: list[TrackedPicture]) -> dict[str, object]:
    """Errors over the frames with a tracked face; `pictures` are those of the clip, in order."""
    rows = [(p.captured.index, p.faces[0], p.frames[0]) for p in pictures if p.faces and p.faces[0].tracked]
    if not rows:
        return {"frames": len(performance.time_s), "frames_tracked": 0}
    index = np.array([row for row, *_ in rows])
    shape = np.stack([face.prediction.shape for _, face, _ in rows])
    alpha = np.stack([frame.alpha_exp for *_, frame in rows])
    truth, true_alpha = performance.shape[index], performance.alpha_exp[index]
    ocular = np.linalg.norm(truth[:, EYE_RIGHT[0]] - truth[:, EYE_LEFT[3]], axis=1)
    nme = np.linalg.norm(shape - truth, axis=2).mean(axis=1) / ocular
    found = matrix_from_euler(np.stack([face.prediction.pose.euler_rad for _, face, _ in rows]).astype(np.float64))
    turn = np.swapaxes(found, 1, 2) @ matrix_from_euler(performance.euler_rad[index].astype(np.float64))
    angle = np.degrees(np.arccos(np.clip((np.trace(turn, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    moved = np.flatnonzero(true_alpha.max(axis=0) >= _MOVED)
    return {
        "frames": len(performance.time_s),
        "frames_tracked": len(rows),
        "nme_inter_ocular_percent": round(100 * float(nme.mean()), 3),
        "rotation_error_deg": round(float(angle.mean()), 3),
        "alpha_exp_mean_abs_error": round(float(np.abs(alpha - true_alpha).mean()), 4),
        "correlation_in_time": {
            BLENDSHAPE_NAMES[e]: round(float(np.corrcoef(alpha[:, e], true_alpha[:, e])[0, 1]), 3) for e in moved
        },
    }
