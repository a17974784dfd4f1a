"""Source -> tracker -> smoother -> face frames: one value per picture, for whoever publishes, records or draws."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np

from avatar_bridge.capture.frames import CapturedFrame, FrameSource
from avatar_bridge.clock import Timestamp
from avatar_bridge.messages import FaceFrame
from avatar_bridge.neutral import Neutral
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
    """Yield pictures of a file when they are due, as a camera would; a live source as it is.

    By the monotonic clock: one that is set back an hour must not hold the file for an hour.
    """
    if source.is_live:
        yield from source
        return
    started: Timestamp | None = None
    first_ns = 0
    for captured in source:
        if started is None:
            started, first_ns = Timestamp.now(), captured.capture_time_ns
        since_ns = captured.capture_time_ns - first_ns
        left_ns = since_ns - (time.monotonic_ns() - started.monotonic_ns)
        if left_ns > 0:
            time.sleep(left_ns / 1e9)
        yield replace(captured, capture_time_ns=started.unix_ns + since_ns)


class Pipeline:
    """Tracker, face at rest, smoothing; sequence numbers run over all faces of the session."""

    def __init__(self, tracker: FaceTracker, smoother: FaceSmoother, session: str, user: str | None = None) -> None:
        self.neutral = Neutral()
        """Faces at rest, taken out of what is published."""
        self._tracker, self._smoother, self._session, self._user = tracker, smoother, session, user
        self._sequence = count()
        self._frames: list[FaceFrame] = []

    @property
    def tracked(self) -> int:
        """Number of faces that are tracked now."""
        return sum(frame.tracked for frame in self._frames)

    def track(self, captured: CapturedFrame) -> TrackedPicture:
        """Return the faces of the next picture."""
        started = time.perf_counter()
        faces = self._tracker.update(captured.image_bgr, captured.capture_time_ns)
        height, width = captured.image_bgr.shape[:2]
        raw = [
            FaceFrame.from_tracked_face(
                face,
                session=self._session,
                seq=next(self._sequence),
                capture_time_ns=captured.capture_time_ns,
                source_size_px=(width, height),
                user=self._user,
                source_time_ns=captured.source_time_ns,
            )
            for face in faces
        ]
        self._frames = [self._smoother.smooth(self.neutral.apply(frame)) for frame in raw]
        return TrackedPicture(captured, faces, self._frames, 1e3 * (time.perf_counter() - started), raw)

    def lose(self, time_ns: int) -> list[FaceFrame]:
        """Return the last word on faces whose pictures have stopped: not tracked any more."""
        lost = [
            replace(frame, seq=next(self._sequence), capture_time_ns=time_ns, tracked=False, source_time_ns=None)
            for frame in self._frames
            if frame.tracked
        ]
        self._frames = []
        return lost


def track_pictures(
    pictures: Iterator[CapturedFrame],
    tracker: FaceTracker,
    smoother: FaceSmoother,
    session: str,
    user: str | None = None,
) -> Iterator[TrackedPicture]:
    """Track every picture."""
    return map(Pipeline(tracker, smoother, session, user).track, pictures)
