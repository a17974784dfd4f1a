"""What calibration is worth: `python -m benchmarks.calibration --json benchmarks/results/calibration.json`.

1. Landmarks of random people, exact and with the network's noise: error of the face that is fitted to them.
2. Rendered people who sit a session, seen by the shipped network: face, coefficients, cross-talk of a blink.
3. Clips of real people (`--clips`): distance of the projected face from the landmarks, jitter at rest.

Errors of a face: RMS distance of its vertices (the face proper, without head and neck) from the true ones, mm, the two
laid on each other by a similarity: one camera tells no size.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.calibration_people import LIDS, TEST, Shot, Sitter, sitters
from benchmarks.machine import machine
from calibration.calibrate import calibrate, fit_frames
from calibration.frame_selection import FrameSelection, SelectionConfig
from calibration.identity import fit_person
from calibration.observation import Observation, observe
from calibration.session import CalibrationSession
from calibration.tracking import UserFace
from calibration.user_model import UserModel
from rdr_core.evaluation.steadiness import RestConfig, rest_frames, second_difference
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, combine, default_face_model
from rdr_core.fitting.contour import landmarks_on_outline
from rdr_core.fitting.fit_group import face_box_size
from rdr_core.fitting.pose import Camera
from rdr_core.inference.eyes import EyePredictor, held
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT
from rdr_core.synthesis.expressions import sample_expression
from rdr_core.synthesis.person import sample_identity

FRAMES: Final = (1, 5, 20)
NOISE_CM: Final = {"jaw": (0.21, 0.14), "brow": (0.08, 0.09), "nose": (0.06, 0.08), "eye": (0.08, 0.08),
                   "mouth": (0.09, 0.06)}  # fmt: skip
"""Of the shipped network on 40 rendered people: from frame to frame, and in all frames of a person alike."""
_PARTS: Final = {"jaw": (0, 17), "brow": (17, 27), "nose": (27, 36), "eye": (36, 48), "mouth": (48, 68)}
_N_FACE: Final = 9408
_PX_PER_CM: Final = 8.0
_CLIP_FRAMES: Final = 250
_CLOSE: Final = np.array([name.startswith("EyeClose") for name in BLENDSHAPE_NAMES])
_GAZE: Final = np.array([name.startswith("EyeLook") for name in BLENDSHAPE_NAMES])


def face_error_mm(model: DynamicExpressionModel, alpha_id: Any, truth: Any) -> float:
    """RMS distance of vertices, see above."""
    face, true = (model.face(np.asarray(alpha, np.float32))[:_N_FACE].astype(np.float64) for alpha in (alpha_id, truth))
    face, true = face - face.mean(axis=0), true - true.mean(axis=0)
    left, singular, right = np.linalg.svd(face.T @ true)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    scale = (singular * np.diag(flip)).sum() / (face**2).sum()
    return float(10 * np.sqrt(((scale * face @ left @ flip @ right - true) ** 2).sum(axis=1).mean()))


def landmark_people(people: int, noise: float) -> dict[str, Any]:
    """Error in mm, mean over people: of the mean face, and after 1, 5 and 20 frames."""
    model, rows = default_face_model(), []
    for seed in range(people):
        rng = np.random.default_rng((seed, 5))
        alpha_id = sample_identity(rng, model.identity_mean, model.identity_std)
        points = noisy_landmarks(model, rng, alpha_id, max(FRAMES), noise)
        errors = [face_error_mm(model, model.identity_mean, alpha_id)]
        errors += [face_error_mm(model, fit_person(model, points[:n]).alpha_id, alpha_id) for n in FRAMES]
        rows.append(errors)
    return _face_row(rows)


def noisy_landmarks(
    model: DynamicExpressionModel, rng: np.random.Generator, alpha_id: Any, frames: int, noise: float
) -> Any:
    """(frames, 68, 2) px: the first at rest from the front, the others with expressions and the head turned."""
    std = np.empty((2, 68, 1))
    for part, (first, last) in _PARTS.items():
        std[:, first:last] = _PX_PER_CM * noise * np.array(NOISE_CM[part])[:, None, None]
    own, (neutral, offsets) = std[1] * rng.normal(size=(68, 2)), model.landmark_tensor.contract_identity(alpha_id)
    found = []
    for frame in range(frames):
        alpha = sample_expression(rng) if frame else np.zeros(46, np.float32)
        turn = np.radians([rng.uniform(-12, 12), rng.uniform(-35, 35), rng.normal(0, 5)]) if frame else np.zeros(3)
        camera, face = Camera(turn, np.array([128.0, 128.0]), _PX_PER_CM), combine(neutral, offsets, alpha)
        exact = camera.project(landmarks_on_outline(model.topology, camera.project(face)).on(face))
        found.append(exact + own + std[0] * rng.normal(size=(68, 2)))
    return np.stack(found)


def _face_row(rows: Sequence[Sequence[float]]) -> dict[str, Any]:
    mean = np.mean(rows, axis=0)
    named = {"mean_face_mm": mean[0]} | {f"frames_{n}_mm": mm for n, mm in zip(FRAMES, mean[1:], strict=True)}
    named["share_at_20"] = mean[-1] / mean[0]
    return {name: round(float(value), 3) for name, value in named.items()} | {"people": len(rows)}


def rendered_people(data: Path, predictor: Any, people: int, seed: int) -> dict[str, Any]:
    """Sessions of rendered people."""
    model = default_face_model()
    faces, errors, talk = [], [], []
    for sitter in sitters(data, predictor, people, seed):
        seen = [_observation(shot) for shot in sitter.shots if shot.kind not in (TEST, LIDS)]
        session = CalibrationSession()
        for frame in seen:
            session.add(frame)
        user = calibrate("sitter", model, session)
        faces.append(_faces(model, sitter, seen, user))
        errors.append(_coefficients(UserFace(user, model), sitter))
        talk.append(_cross_talk(UserFace(user, model), sitter))
        print(f"{sitter.distance_cm:4.0f} cm: face {np.round(faces[-1], 2)}, {errors[-1]}, {talk[-1]}", flush=True)
    mean = {name: round(float(np.mean([row[name] for row in errors])), 4) for name in errors[0]}
    blink = {name: [row[name] for row in talk] for name in talk[0]}
    return {"face": _face_row(faces), "alpha_exp": mean | _gains(mean), "blink_largest_other_change": blink}


def _gains(mean: dict[str, float]) -> dict[str, float]:
    pairs = {"mae": ("mae_network", "mae_user"), "mae_beside_eyes": ("mae_eyes", "mae_user"),
             "rms": ("rms_network", "rms_user"),
             "mae_without_gaze": ("mae_network_without_gaze", "mae_user_without_gaze")}  # fmt: skip
    return {f"{name}_less_percent": round(100 * (1 - mean[b] / mean[a]), 1) for name, (a, b) in pairs.items()}


def _observation(shot: Shot) -> Observation:
    said = shot.read
    turn = np.asarray(said.pose.euler_rad)
    return Observation(shot.time_ns, said.shape, turn, said.alpha_exp, said.confidence, shot.sharpness)


def _faces(model: DynamicExpressionModel, sitter: Sitter, seen: list[Observation], user: UserModel) -> list[float]:
    errors = [face_error_mm(model, model.identity_mean, sitter.alpha_id)]
    for count in FRAMES[:-1]:
        selection = FrameSelection(SelectionConfig(capacity=max(count, 2)))
        for frame in seen if count > 1 else seen[:1]:
            selection.add(frame)
        errors.append(face_error_mm(model, fit_frames(model, selection.frames).alpha_id, sitter.alpha_id))
    return [*errors, face_error_mm(model, user.alpha_id, sitter.alpha_id)]


def _coefficients(face: UserFace, sitter: Sitter) -> dict[str, float]:
    """Errors of the frames that were not calibrated with, each looked at alone."""
    shots = [shot for shot in sitter.shots if shot.kind == TEST]
    truth = np.stack([shot.alpha_exp for shot in shots])
    said = {
        "network": np.stack([shot.prediction.alpha_exp for shot in shots]) - truth,
        "eyes": np.stack([shot.read.alpha_exp for shot in shots]) - truth,
        "user": np.stack([face.refine(shot.read).alpha_exp for shot in shots]) - truth,
    }
    found = {f"mae_{who}": np.abs(error).mean() for who, error in said.items()}
    found |= {f"rms_{who}": np.sqrt((error**2).mean()) for who, error in said.items()}
    found |= {f"mae_{who}_without_gaze": np.abs(error[:, ~_GAZE]).mean() for who, error in said.items()}
    return {name: round(float(value), 4) for name, value in found.items()}


def _cross_talk(face: UserFace, sitter: Sitter) -> dict[str, float]:
    """Largest change of any coefficient but EyeClose while the eyes close and nothing else moves."""
    shots = [shot for shot in sitter.shots if shot.kind == LIDS]
    read, before, after = shots[0].read.alpha_exp, None, []
    for shot in shots:
        read = held(read, shot.read.alpha_exp)
        before = face.refine(replace(shot.read, alpha_exp=read), before).alpha_exp
        after.append(before)
    both = {"network": np.stack([shot.prediction.alpha_exp for shot in shots]), "user": np.stack(after)}
    changes = {name: np.abs(values - values[0]).max(axis=0)[~_CLOSE] for name, values in both.items()}
    return {name: round(float(change.max()), 3) for name, change in changes.items()}


def real_clip(path: Path, predictor: Any) -> dict[str, Any]:
    """Calibrate on a clip as a session would, then track it without and with that."""
    model, session = default_face_model(), CalibrationSession()
    network, _ = _tracked(path, predictor)
    said, rate_hz = _tracked(path, EyePredictor(predictor), session)
    user = calibrate("clip", model, session)
    face, before, after = UserFace(user, model), None, []
    for prediction in said:
        refined = None if prediction is None else face.refine(prediction, before)
        before = None if refined is None else refined.alpha_exp
        after.append(refined)
    return {"frames": len(said), "network": _steadiness(network, rate_hz), "user": _steadiness(after, rate_hz)}


def _tracked(path: Path, predictor: Any, session: CalibrationSession | None = None) -> tuple[list[Any], float]:
    """What is said of each frame, None where there is no face, and the frames' rate; a session may watch."""
    from avatar_bridge.capture import open_source
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.tracker import FaceTracker

    tracker, said = FaceTracker(predictor, FaceDetector()), []
    with open_source(str(path)) as video:
        for captured, _ in zip(video, range(_CLIP_FRAMES), strict=False):
            faces = [face for face in tracker.update(captured.image_bgr, captured.capture_time_ns) if face.tracked]
            said.append(faces[0].prediction if faces else None)
            if faces and session is not None:
                session.add(observe(faces[0].prediction, captured.image_bgr, captured.capture_time_ns))
        return said, float(video.rate_hz or 25)


def _steadiness(predictions: Sequence[Any], rate_hz: float) -> dict[str, float]:
    """Distance of S_p from S in percent of the face box, and jitter at rest in percent of a coefficient's range."""
    known = [p for p in predictions if p is not None]
    apart = [np.linalg.norm(p.projected_shape - p.shape, axis=1).mean() / face_box_size(p.shape) for p in known]
    points = np.stack([np.full((68, 2), np.nan) if p is None else p.shape for p in predictions])
    alpha = np.stack([np.full(46, np.nan) if p is None else p.alpha_exp for p in predictions])
    sizes = np.log([1.0 if p is None else p.pose.scale_px_per_cm for p in predictions])
    eyes = [points[:, corners].mean(axis=1) for corners in (EYE_LEFT, EYE_RIGHT)]
    inter_ocular = 1.4 * float(np.nanmedian(np.linalg.norm(eyes[0] - eyes[1], axis=1)))
    rest = rest_frames(points, inter_ocular, rate_hz, RestConfig())
    jitter = 100 * second_difference(alpha, rest)
    size = 100 * second_difference(sizes, rest)
    return {
        "reprojection_percent": round(100 * float(np.mean(apart)), 3),
        "frames_at_rest": int(rest.sum()),
        "jitter_percent": round(float(np.sqrt((jitter**2).mean())), 3) if jitter.size else float("nan"),
        "jitter_without_gaze_percent": round(float(np.sqrt((jitter[:, ~_GAZE] ** 2).mean())), 3)
        if jitter.size
        else float("nan"),
        "size_jitter_percent": round(float(np.sqrt((size**2).mean())), 3) if size.size else float("nan"),
    }


def main() -> None:
    from rdr_core.config import data_folder
    from rdr_core.inference.weights import load_predictor

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=8, help="rendered")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--clips", type=Path, nargs="*", default=[])
    parser.add_argument("--json", type=Path, help="file for the numbers")
    arguments = parser.parse_args()
    predictor, result = load_predictor(), {"machine": machine(), "seed": arguments.seed}
    steps: dict[str, Callable[[], Any]] = {
        "landmarks_exact": lambda: landmark_people(24, 0.0),
        "landmarks_noisy": lambda: landmark_people(24, 1.0),
        "rendered": lambda: rendered_people(data_folder(), predictor, arguments.people, arguments.seed),
    }
    steps |= {f"clip {path.stem}": (lambda path=path: real_clip(path, predictor)) for path in arguments.clips}
    for name, step in steps.items():
        result[name] = step()
        print(name, json.dumps(result[name]), flush=True)
        if arguments.json is not None:
            arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
