"""How near the skin out of a calibration comes to the true one: `python -m benchmarks.calibration_skin --people 6`.

Rendered people sit a session; their texture is known. Compared are the texels of the inner face that the frames showed.
A camera tells neither exposure nor white balance, so that errors are given as they are, and after one gain a channel;
beside them, how much the fine detail is that of the truth (correlation).
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from avatar_bridge.avatar import load_skin
from benchmarks.calibration_people import LIDS, TEST, Sitter, sitters
from benchmarks.machine import machine
from calibration.calibrate import fit_frames
from calibration.observation import Observation, face_picture
from calibration.session import CalibrationSession
from calibration.skin import face_texels, make_skin
from calibration.texels import Texels
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, default_face_model
from rdr_core.inference.weights import load_predictor


def session_of(sitter: Sitter) -> CalibrationSession:
    """Let a session see a sitter's frames, with their pictures."""
    session = CalibrationSession()
    for shot in sitter.shots:
        if shot.kind in (TEST, LIDS):
            continue
        said = shot.read
        turn, picture = np.asarray(said.pose.euler_rad), face_picture(shot.image_bgr, said.shape)
        session.add(
            Observation(shot.time_ns, said.shape, turn, said.alpha_exp, said.confidence, shot.sharpness, picture)
        )
    session.finish()
    return session


def skin_errors(model: DynamicExpressionModel, sitter: Sitter) -> dict[str, Any]:
    """Mean absolute differences from the true texture, of 255."""
    frames = session_of(sitter).selection.frames
    base = load_skin()
    made = make_skin(model, frames, fit_frames(model, frames), base)
    texels = Texels.of_model(model, len(base))
    face = face_texels(model, texels)
    truth = cv2.resize(sitter.skin_rgb, (len(base), len(base)), interpolation=cv2.INTER_AREA)
    true, own, default = (
        texels.of_picture(layer)[face].astype(np.float64)
        for layer in (truth, base if made.rgb is None else made.rgb, base)
    )
    row: dict[str, Any] = {"seen": round(made.seen, 3), "made": made.rgb is not None}
    for name, layer in (("own", own), ("default", default)):
        gain = np.median(true, axis=0) / np.median(layer, axis=0)
        row[name] = round(float(np.abs(layer - true).mean()), 2)
        row[f"{name}_one_gain"] = round(float(np.abs(layer * gain - true).mean()), 2)
    fine = [texels.of_picture(_fine(layer))[face] for layer in (truth, base if made.rgb is None else made.rgb, base)]
    row["own_detail"], row["default_detail"] = (round(float(np.corrcoef(fine[0], f)[0, 1]), 3) for f in fine[1:])
    return row


def _fine(rgb: Any) -> Any:
    """(s, s) brightness without low frequencies."""
    gray = rgb.mean(axis=2).astype(np.float32)
    return gray - cv2.GaussianBlur(gray, (0, 0), 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("RDR_DATA"), help="data folder (default: RDR_DATA)")
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the numbers here")
    arguments = parser.parse_args()
    if arguments.data is None:
        raise SystemExit("error: RDR_DATA is not set: set it to the data folder, or give --data")
    model, rows = default_face_model(), []
    for sitter in sitters(
        Path(arguments.data), load_predictor("live", None, 1), arguments.people, arguments.seed, 0, 0
    ):
        rows.append(skin_errors(model, sitter))
        print(rows[-1], flush=True)
    mean = {name: round(float(np.mean([row[name] for row in rows])), 2) for name in rows[0]}
    print({"mean": mean})
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), "mean": mean, "people": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
