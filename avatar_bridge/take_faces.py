"""The faces of a take as the overlay draws them, by the time of the video that they were tracked in.

A take holds landmarks (S), pose and expression, but no identity: alpha_id is solved for here, one for each face over
some of its frames, so that mesh and projected landmarks (S_p) can be drawn without tracking again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from avatar_bridge.errors import RecordingError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.recording import read_take
from avatar_bridge.recording.take import Frames
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, combine, default_face_model
from rdr_core.fitting.contour import visible_landmarks
from rdr_core.fitting.identity import fit_identity
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.geometry.weak_perspective import project
from rdr_core.types import FacePrediction, Float32, Pose, TrackedFace

_FRAMES_FOR_IDENTITY: Final = 40
_NOISE_CM: Final = 0.3
"""Of a landmark; frames of one face err alike, so it is taken for larger than in one frame."""
_PROGRESS_EVERY: Final = 500


class TakeFaces:
    """The tracked faces of a take, found by the time of the picture in its file."""

    def __init__(
        self, path: Path, frames: Frames = "filtered", progress: Callable[[int], object] = lambda frames: None
    ) -> None:
        """Read a take; RecordingError where its frames have no landmarks, or come from no file."""
        self.source = read_take(path).metadata.get("source", "")
        self._model = default_face_model()
        by_time: dict[int, list[FaceFrame]] = {}
        for count, frame in enumerate(read_take(path).frames(frames), 1):
            if frame.tracked and frame.source_time_ns is not None and frame.landmarks_px is not None:
                by_time.setdefault(frame.source_time_ns, []).append(frame)
            if count % _PROGRESS_EVERY == 0:
                progress(count)
        if not by_time:
            raise RecordingError(
                f"{path} has no {frames} face with landmarks and a time in a video file: a camera's pictures are not "
                "kept; record one with rdr track clip.mp4 --record take.mcap"
            )
        self._times = sorted(by_time)
        first = by_time[self._times[0]][0]
        start_ns = min(frame.capture_time_ns for frame in read_take(path).frames())
        self._offset_ns = first.capture_time_ns - self._times[0] - start_ns
        self._frames = by_time
        steps = np.diff(self._times)
        self._near_ns = int(np.median(steps)) // 2 if len(steps) else 10**7
        faces: dict[tuple[str, int], list[FaceFrame]] = {}
        for time_ns in self._times:
            for frame in by_time[time_ns]:
                faces.setdefault((frame.session, frame.face_id), []).append(frame)
        self.identities = {face: identity_of(self._model, frames) for face, frames in faces.items()}

    def seconds_of(self, source_time_ns: int) -> float:
        """Return when the picture at a time of the file was taken, s since the take's first frame."""
        return (source_time_ns + self._offset_ns) / 1e9

    def at(self, source_time_ns: int) -> list[TrackedFace]:
        """Return the faces of the picture at a time of the file; none where the take has no frame within half a
        picture of it."""
        place = bisect_left(self._times, source_time_ns)
        near = min(
            self._times[max(0, place - 1) : place + 1], key=lambda time_ns: abs(time_ns - source_time_ns), default=None
        )
        if near is None or abs(near - source_time_ns) > self._near_ns:
            return []
        return [face_of(self._model, f, self.identities[f.session, f.face_id]) for f in self._frames[near]]


def identity_of(model: DynamicExpressionModel, frames: Sequence[FaceFrame]) -> Float32:
    """Solve for alpha_id (I,) of a face from the landmarks, poses and expressions of frames spread over all of them."""
    tensor, mean = model.landmark_tensor, model.identity_mean
    chosen = [frames[i] for i in np.unique(np.linspace(0, len(frames) - 1, _FRAMES_FOR_IDENTITY).astype(int))]
    normal, gradient = np.zeros((model.n_identity, model.n_identity)), np.zeros(model.n_identity)
    for frame in chosen:
        core = tensor.core @ np.append(np.float32(1), frame.alpha_exp)
        effect = (tensor.vertex_factor @ core).reshape(tensor.n_vertices, 3, -1)
        where = visible_landmarks(model.topology, effect @ mean, frame.euler_rad)
        points = np.moveaxis(where.on(np.moveaxis(effect, -1, 0)), 0, -1)  # (68, 3, I)
        seen = matrix_from_euler(np.asarray(frame.euler_rad, np.float64))[:2] * [[1], [-1]]  # image y is down
        design = np.einsum("ij,ljk->lik", seen, points).reshape(-1, model.n_identity) / _NOISE_CM
        target = (frame.landmarks_px - frame.translation_px[:2]) / frame.scale_px_per_cm / _NOISE_CM
        normal += design.T @ design
        gradient += design.T @ (target.ravel() - design @ mean)
    return fit_identity(normal, gradient, mean, model.identity_std)


def face_of(model: DynamicExpressionModel, frame: FaceFrame, alpha_id: Float32) -> TrackedFace:
    """Return a frame as a tracked face: S as recorded, S_p of the face model with an identity."""
    pose = Pose(frame.euler_rad, frame.translation_px, frame.scale_px_per_cm)
    vertices = combine(*model.landmark_tensor.contract_identity(alpha_id), frame.alpha_exp)
    points = visible_landmarks(model.topology, vertices, frame.euler_rad).on(vertices)
    euler, scale = np.asarray(frame.euler_rad, np.float64), np.float64(frame.scale_px_per_cm)
    projected = project(points, euler, frame.translation_px, scale).astype(np.float32)
    assert frame.landmarks_px is not None  # TakeFaces keeps no others
    prediction = FacePrediction(
        frame.landmarks_px, projected[:, :2], projected, pose, frame.alpha_exp, alpha_id, frame.confidence
    )
    return TrackedFace(frame.face_id, frame.tracked, prediction, 0.0)
