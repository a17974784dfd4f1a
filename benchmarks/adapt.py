"""What adaptation is worth: rendered people with known truth, and real clips.

    python -m benchmarks.adapt --people 3 --json benchmarks/results/adapt.json
    python -m benchmarks.adapt --people 0 --clips a.mp4 b.mp4 --json clips.json

A rendered person sits a calibration session and then moves before the camera; the network is adapted to three quarters
of those frames and measured on the last quarter, against the truth.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.calibration import _observation, _steadiness
from benchmarks.calibration_people import LIDS, TEST, Shot, sitters
from benchmarks.machine import machine
from calibration.adapt import fine_tune, labelled
from calibration.calibrate import calibrate
from calibration.session import CalibrationSession
from calibration.sitting import Sitting
from calibration.teacher import TeacherConfig
from calibration.tracking import UserFace, UserPredictor
from rdr_core.data.crop import crop_from_landmarks
from rdr_core.face_model.dynamic_expression_model import default_face_model
from rdr_core.fitting.fit_group import face_box_size

TEACHERS: Final = {
    "crops, time and user's face": TeacherConfig(),
    "one look, user's face": TeacherConfig(looks=1, reach=0),
    "crops and time, no user's face": TeacherConfig(user_face=False),
}


def errors(predictor: Any, face: UserFace, shots: Sequence[Shot], seed: int = 3) -> dict[str, float]:
    """S in percent of the face box, and alpha_exp, of shots seen through crops off as a tracker's are."""
    rng, rows = np.random.default_rng(seed), []
    for shot in shots:
        crop = crop_from_landmarks(
            shot.landmarks_px + rng.normal(0, 0.01, 2) * face_box_size(shot.landmarks_px), predictor.crop_size
        )
        (said,) = predictor.predict(shot.image_bgr, [crop])
        refined = face.refine(said)
        size = face_box_size(shot.landmarks_px)
        apart = [np.linalg.norm(points - shot.landmarks_px, axis=1).mean() / size
                 for points in (said.shape, said.projected_shape, refined.projected_shape)]  # fmt: skip
        away = [np.abs(alpha - shot.alpha_exp).mean() for alpha in (said.alpha_exp, refined.alpha_exp)]
        rows.append([*(100 * np.array(apart)), *away])
    names = ("S_percent", "S_p_percent", "S_p_user_percent", "alpha_exp_mae", "alpha_exp_user_mae")
    return {name: round(float(v), 4) for name, v in zip(names, np.mean(rows, axis=0), strict=True)}


def person(sitter: Any, predictor: Any, weights: Path, replay: Any, teachers: Sequence[str]) -> dict[str, Any]:
    from rdr_core.inference.predictor import RDRPredictor

    model, session = default_face_model(), CalibrationSession()
    for shot in sitter.shots:
        if shot.kind not in (TEST, LIDS):
            session.add(_observation(shot))
    user = calibrate("sitter", model, session)
    tests = [shot for shot in sitter.shots if shot.kind == TEST]
    _learn, held = tests[: 3 * len(tests) // 4], tests[3 * len(tests) // 4 :]
    face, sitting = UserFace(user, model), Sitting()
    for shot in (s for s in sitter.shots if s.kind != LIDS and s not in held):
        sitting.add(shot.image_bgr, shot.time_ns, shot.prediction)
    found: dict[str, Any] = {"before": errors(predictor, face, held)}
    for name in teachers:
        began = time.monotonic()
        pictures = labelled(sitting, predictor, user, model, TEACHERS[name])
        tuning, report = fine_tune(weights, *pictures, replay)
        seconds = time.monotonic() - began
        with tempfile.TemporaryDirectory() as folder:
            tuning.save(Path(folder) / "a.safetensors", weights, {})
            adapted = RDRPredictor(Path(folder) / "a.safetensors")
        found[name] = errors(adapted, face, held) | report.as_dict() | {"seconds": round(seconds)}
        print(name, json.dumps(found[name]), flush=True)
    print("before", json.dumps(found["before"]), flush=True)
    return found


def clip(path: Path, predictor: Any, weights: Path, replay: Any, frames: int) -> dict[str, Any]:
    """Calibrate and adapt on a clip's first two thirds; the network, with the user, and adapted, on the last third."""
    from avatar_bridge.capture import open_source
    from calibration.observation import observe
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.predictor import RDRPredictor
    from rdr_core.inference.tracker import FaceTracker

    model, session, sitting = default_face_model(), CalibrationSession(), Sitting()
    with open_source(str(path)) as video:
        rate, shown = float(video.rate_hz or 25), [c for c, _ in zip(video, range(frames), strict=False)]
    cut, tracker = 2 * len(shown) // 3, FaceTracker(predictor, FaceDetector())
    for c in shown[:cut]:
        for seen in [f for f in tracker.update(c.image_bgr, c.capture_time_ns) if f.tracked][:1]:
            session.add(observe(seen.prediction, c.image_bgr, c.capture_time_ns))
            sitting.add(c.image_bgr, c.capture_time_ns, seen.prediction)
    user = calibrate("clip", model, session)
    tuning, report = fine_tune(weights, *labelled(sitting, predictor, user, model, TeacherConfig()), replay)
    with tempfile.TemporaryDirectory() as folder:
        tuning.save(Path(folder) / "a.safetensors", weights, {})
        adapted = RDRPredictor(Path(folder) / "a.safetensors")
    found: dict[str, Any] = {"clip_frames": len(shown), "measured_on": len(shown) - cut, "kept": report.better}
    runs = {"network": predictor, "user": UserPredictor(predictor, UserFace(user, model)),
            "adapted": UserPredictor(adapted, UserFace(user, model))}  # fmt: skip
    for name, run in runs.items():
        tracker, said = FaceTracker(run, FaceDetector()), []
        for c in shown[cut:]:
            faces = [f for f in tracker.update(c.image_bgr, c.capture_time_ns) if f.tracked]
            said.append(faces[0].prediction if faces else None)
        found[name] = _steadiness(said, rate)
    return found | report.as_dict()


def main() -> None:
    import torch

    from calibration.replay import replay_pictures
    from rdr_core.config import data_folder
    from rdr_core.inference.weights import find_network, load_predictor

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=3, help="rendered")
    parser.add_argument("--frames", type=int, default=120, help="of each, besides the session's")
    parser.add_argument("--seed", type=int, default=2027)
    parser.add_argument("--teachers", nargs="*", default=list(TEACHERS))
    parser.add_argument("--clips", type=Path, nargs="*", default=[])
    parser.add_argument("--clip-frames", type=int, default=360)
    parser.add_argument("--json", type=Path, help="file for the numbers")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    weights, predictor, replay = find_network("live").with_suffix(".safetensors"), load_predictor(), replay_pictures()
    result: dict[str, Any] = {"machine": machine(), "seed": arguments.seed, "people": [], "clips": {}}

    def write() -> None:
        if arguments.json is not None:
            arguments.json.write_text(json.dumps(result, indent=1) + "\n")

    for sitter in sitters(data_folder(), predictor, arguments.people, arguments.seed, tests=arguments.frames):
        result["people"].append(person(sitter, predictor, weights, replay, arguments.teachers))
        write()
    for path in arguments.clips:
        result["clips"][path.stem] = clip(path, predictor, weights, replay, arguments.clip_frames)
        print(path.stem, json.dumps(result["clips"][path.stem]), flush=True)
        write()


if __name__ == "__main__":
    main()
