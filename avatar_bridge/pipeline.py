"""Source -> tracker -> smoother -> face frames: one value per picture, for whoever publishes, records or draws."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np

from avatar_bridge.capture.frames import CapturedFrame, FrameSource
from avatar_bridge.messages import FaceFrame
from avatar_bridge.smoothing import FaceSmoother
from rdr_core.inference.tracker import FaceTracker
from rdr_core.types import Pose, TrackedFace


@dataclass(frozen=True, slots=True)
class TrackedPicture:
    """A picture and the faces in it."""

    captured: CapturedFrame
    faces: list[TrackedFace]
    """As the network sees them."""
    frames: list[FaceFrame]
    """The same faces, smoothed, ready to publish."""
    milliseconds: float
    """Detecting, tracking and smoothing."""
    raw: list[FaceFrame] = field(default_factory=list)
    """The frames before smoothing, of the same seq: for takes."""

    def smoothed_faces(self) -> list[TrackedFace]:
        """Return the faces as they are published: for drawing."""
        return [smoothed(face, frame) for face, frame in zip(self.faces, self.frames, strict=True)]


def smoothed(face: TrackedFace, frame: FaceFrame) -> TrackedFace:
    """Return a face with the values of its smoothed message; S_p moves along with S."""
    before = face.prediction
    shape = before.shape if frame.landmarks_px is None else np.asarray(frame.landmarks_px, np.float32)
    pose = Pose(
        np.asarray(frame.euler_rad, np.float32),
        np.asarray(frame.translation_px, np.float32),
        float(frame.scale_px_per_cm),
    )
    moved = before.projected_shape + (shape - before.shape).mean(axis=0)
    alpha_exp = np.asarray(frame.alpha_exp, np.float32)
    return replace(face, prediction=replace(before, shape=shape, projected_shape=moved, pose=pose, alpha_exp=alpha_exp))


def paced(source: FrameSource) -> Iterator[CapturedFrame]:
    """Yield pictures of a file when they are due, as a camera would; a live source as it is."""
    if source.is_live:
        yield from source
        return
    started: tuple[int, int] | None = None
    for captured in source:
        now = time.time_ns()
        started = started or (now, captured.capture_time_ns)
        due = started[0] + captured.capture_time_ns - started[1]
        if due > now:
            time.sleep((due - now) / 1e9)
        yield replace(captured, capture_time_ns=due)


def track_pictures(
    pictures: Iterator[CapturedFrame],
    tracker: FaceTracker,
    smoother: FaceSmoother,
    session: str,
    user: str | None = None,
) -> Iterator[TrackedPicture]:
    """Track every picture; sequence numbers run over all faces of the session."""
    sequence = count()
    for captured in pictures:
        started = time.perf_counter()
        faces = tracker.update(captured.image_bgr, captured.capture_time_ns)
        height, width = captured.image_bgr.shape[:2]
        raw = [
            FaceFrame.from_tracked_face(
                face,
                session=session,
                seq=next(sequence),
                capture_time_ns=captured.capture_time_ns,
                source_size_px=(width, height),
                user=user,
                source_time_ns=captured.source_time_ns,
            )
            for face in faces
        ]
        frames = [smoother.smooth(frame) for frame in raw]
        yield TrackedPicture(captured, faces, frames, 1e3 * (time.perf_counter() - started), raw)


class RunStatistics:
    """What a run was like, for the line at its end."""

    def __init__(self) -> None:
        self.pictures = 0
        self.with_face = 0
        self.milliseconds: list[float] = []
        self.face_milliseconds: list[float] = []
        self._started = time.perf_counter()

    def add(self, picture: TrackedPicture) -> None:
        """Count a picture."""
        tracked = [face for face in picture.faces if face.tracked]
        self.pictures += 1
        self.with_face += bool(tracked)
        self.milliseconds.append(picture.milliseconds)
        self.face_milliseconds += [face.milliseconds for face in tracked]

    def summary(self) -> dict[str, float]:
        """Return counts, rates and median times; nothing but counts where there was no picture."""
        numbers = {"pictures": float(self.pictures), "pictures_with_face": float(self.with_face)}
        if not self.pictures:
            return numbers
        numbers["found_percent"] = 100 * self.with_face / self.pictures
        numbers["fps"] = self.pictures / (time.perf_counter() - self._started)
        numbers["ms_per_picture_p50"] = float(np.median(self.milliseconds))
        numbers["ms_per_picture_p95"] = float(np.quantile(self.milliseconds, 0.95))
        if self.face_milliseconds:
            numbers["ms_per_tracked_face_p50"] = float(np.median(self.face_milliseconds))
        return numbers

    def __str__(self) -> str:
        numbers = self.summary()
        if not self.pictures:
            return "no pictures came"
        return (
            f"{self.pictures} pictures, a face in {numbers['found_percent']:.1f} % of them, {numbers['fps']:.1f} fps, "
            f"{numbers['ms_per_picture_p50']:.1f} ms a picture (p95 {numbers['ms_per_picture_p95']:.1f})"
        )
