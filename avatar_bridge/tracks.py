"""A take as arrays: one face over time, to be cut, resampled, mirrored, retargeted and written in other formats.

T: frames.  N: shapes, 46 of FaceWarehouse when it comes from a take.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from avatar_bridge.errors import ConvertError
from avatar_bridge.messages import MAX_PIXELS, FaceFrame
from avatar_bridge.recording import read_take
from avatar_bridge.retarget import Retargeter, ShapeMapping, mirrored_name
from avatar_bridge.wire_checks import MAX_ANGLE_RAD, MAX_TIME_NS, QUATERNION_TOLERANCE
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.geometry.rotation import quaternion_from_euler
from rdr_core.landmarks import MIRROR, N_LANDMARKS
from rdr_core.types import Float32

Array = npt.NDArray[Any]
MAX_FRAMES: Final = 10_000_000
"""Two days at 60 frames a second."""
MAX_WEIGHT: Final = 100.0
DEFAULT_SIZE_PX: Final = (1280, 720)
DEFAULT_SCALE_PX_PER_CM: Final = 20.0
"""A head a third as high as such a picture; for formats that say nothing of a camera."""
_PROGRESS_EVERY: Final = 500


@dataclass(frozen=True, eq=False, kw_only=True)
class FaceTrack:
    """One face over time; frames may come at any intervals."""

    time_ns: Array
    """(T,) int64 capture times, ns since the epoch, rising."""
    names: tuple[str, ...]
    """(N,) what the weights are of."""
    weights: Float32
    """(T, N) coefficients."""
    euler_rad: Float32
    """(T, 3) pitch, yaw, roll."""
    quaternion: Float32
    """(T, 4) w, x, y, z: the same rotation."""
    translation_px: Float32
    """(T, 3) image position of the head's origin; the third is unobservable and 0."""
    scale_px_per_cm: Float32
    """(T,) f of Eq. (3); 0 where no face was seen yet."""
    source_size_px: Array
    """(T, 2) int32 width and height of the picture."""
    tracked: Array
    """(T,) bool; where false, the values are the last good ones."""
    confidence: Float32
    """(T,) 0..1."""
    landmarks_px: Float32 | None = None
    """(T, 68, 2), or None where they were not recorded."""
    origin_ns: int
    """Second 0: the start of the take, or of the part that was cut out; the same for all of its faces."""
    face_id: int = 0
    """As in FaceFrame."""
    session: str = "file"
    """As in FaceFrame."""
    user: str | None = None
    """As in FaceFrame."""

    def __post_init__(self) -> None:
        count = len(self.time_ns)
        if not 1 <= count <= MAX_FRAMES:
            raise ConvertError(f"a track must have 1 to {MAX_FRAMES} frames, got {count}")
        if len(set(self.names)) != len(self.names):
            raise ConvertError("the names of a track's shapes must differ from each other, got one twice")
        check = _Checker(count)
        check("time_ns", self.time_ns, (), 0, MAX_TIME_NS, "iu")
        check("weights", self.weights, (len(self.names),), -MAX_WEIGHT, MAX_WEIGHT)
        check("euler_rad", self.euler_rad, (3,), -MAX_ANGLE_RAD, MAX_ANGLE_RAD)
        check("quaternion", self.quaternion, (4,), -1 - QUATERNION_TOLERANCE, 1 + QUATERNION_TOLERANCE)
        check("translation_px", self.translation_px, (3,), -MAX_PIXELS, MAX_PIXELS)
        check("scale_px_per_cm", self.scale_px_per_cm, (), 0, MAX_PIXELS)
        check("source_size_px", self.source_size_px, (2,), 1, 65535, "iu")
        check("tracked", self.tracked, (), 0, 1, "b")
        check("confidence", self.confidence, (), 0, 1)
        if self.landmarks_px is not None:
            check("landmarks_px", self.landmarks_px, (N_LANDMARKS, 2), -MAX_PIXELS, MAX_PIXELS)
        if (np.diff(self.time_ns.astype(np.int64)) <= 0).any():
            raise ConvertError("the capture times of a track must rise")
        if (abs(np.linalg.norm(self.quaternion.astype(np.float64), axis=1) - 1) > QUATERNION_TOLERANCE).any():
            raise ConvertError("the quaternions of a track must be of length 1")

    def __len__(self) -> int:
        return len(self.time_ns)

    @property
    def seconds(self) -> Array:
        """(T,) float64, since the origin."""
        return (self.time_ns - self.origin_ns) / 1e9

    def seconds_of(self, frame: int) -> float:
        """Return when a frame was captured, s since the origin."""
        return float(self.time_ns[frame] - self.origin_ns) / 1e9

    @property
    def rate_hz(self) -> float:
        """Frames a second: one over the median interval; 0 of a single frame."""
        return 0.0 if len(self) < 2 else float(1e9 / np.median(np.diff(self.time_ns)))

    @property
    def position_cm(self) -> Array:
        """(T, 3) float64 the head's origin in the model's axes, off the middle of the picture; z is unobservable: 0."""
        seen = np.where(self.scale_px_per_cm > 0, self.scale_px_per_cm, np.inf).astype(np.float64)
        off_middle = self.translation_px[:, :2] - self.source_size_px / 2
        return np.column_stack([off_middle / seen[:, None] * [1, -1], np.zeros(len(self))])

    def cut(self, start_s: float | None, end_s: float | None) -> FaceTrack:
        """Return the frames of start_s <= second <= end_s; start_s becomes second 0."""
        origin_ns = self.origin_ns + (0 if start_s is None else round(start_s * 1e9))
        last_ns = np.inf if end_s is None else self.origin_ns + round(end_s * 1e9)
        kept = np.flatnonzero((self.time_ns >= origin_ns) & (self.time_ns <= last_ns))
        if not len(kept):
            raise ConvertError(
                f"face {self.face_id} has no frame from {start_s or 0:g} to {'the end' if end_s is None else end_s} s: "
                f"it was seen from {self.seconds[0]:.2f} to {self.seconds[-1]:.2f} s"
            )
        return replace(self.take_frames(kept), origin_ns=origin_ns)

    def take_frames(self, index: Array) -> FaceTrack:
        """Return the frames of an index array."""
        per_frame = {name: getattr(self, name)[index] for name in PER_FRAME if getattr(self, name) is not None}
        return replace(self, **per_frame)

    def mirrored(self) -> FaceTrack:
        """Return the face as a mirror shows it: left and right change places, also in the picture."""
        others = [mirrored_name(name) for name in self.names]
        order = [self.names.index(other) if other in self.names else i for i, other in enumerate(others)]
        flip, width = np.array([-1, 1, 1], np.float32), np.zeros((len(self), 3), np.float32)
        width[:, 0] = self.source_size_px[:, 0]
        landmarks = self.landmarks_px
        if landmarks is not None:
            landmarks = landmarks[:, MIRROR] * flip[:2] + width[:, None, :2]
        return replace(
            self,
            weights=self.weights[:, order],
            euler_rad=self.euler_rad * np.array([1, -1, -1], np.float32),
            quaternion=self.quaternion * np.array([1, 1, -1, -1], np.float32),
            translation_px=self.translation_px * flip + width,
            landmarks_px=landmarks,
        )

    def retargeted(self, mapping: ShapeMapping) -> FaceTrack:
        """Return the face with the shapes that a mapping makes of these."""
        return replace(self, names=mapping.targets, weights=Retargeter(mapping, self.names)(self.weights))


PER_FRAME: Final = (
    ("time_ns", "weights", "euler_rad", "quaternion", "translation_px", "scale_px_per_cm")
    + ("source_size_px", "tracked", "confidence", "landmarks_px")
)  # fmt: skip
"""The fields of a FaceTrack that have an entry for each frame."""


def head_only_fields(time_ns: Array, euler_rad: Array, tracked: Array) -> dict[str, Any]:
    """Return the per-frame fields of a track from a format without a camera: the head stands in the middle."""
    count, (width, height) = len(time_ns), DEFAULT_SIZE_PX
    return {
        "time_ns": time_ns,
        "euler_rad": euler_rad.astype(np.float32),
        "quaternion": quaternion_from_euler(euler_rad).astype(np.float32),
        "translation_px": np.tile(np.array([width / 2, height / 2, 0], np.float32), (count, 1)),
        "scale_px_per_cm": np.full(count, DEFAULT_SCALE_PX_PER_CM, np.float32),
        "source_size_px": np.tile(np.array(DEFAULT_SIZE_PX, np.int32), (count, 1)),
        "tracked": tracked,
        "confidence": tracked.astype(np.float32),
    }


def read_tracks(path: str | Path, progress: Callable[[int], object] = lambda frames: None) -> list[FaceTrack]:
    """Return the faces of a take, the one that was tracked longest first.

    Frames are put in the order of their capture times; of two with the same time the first is kept. progress: called
    now and then with how many frames were read. Raises RecordingError where the file is no take, ConvertError where it
    has no face.
    """
    frames: dict[tuple[str, int], list[FaceFrame]] = {}
    count = 0
    for message in read_take(path):
        if isinstance(message, FaceFrame):
            frames.setdefault((message.session, message.face_id), []).append(message)
            count += 1
            if count % _PROGRESS_EVERY == 0:
                progress(count)
    if not frames:
        raise ConvertError(f"{path} has no face in it: was one in the picture while it was recorded?")
    origin_ns = min(frame.capture_time_ns for face in frames.values() for frame in face)
    return sorted((track_of(face, origin_ns) for face in frames.values()), key=lambda t: -int(t.tracked.sum()))


def track_of(frames: Sequence[FaceFrame], origin_ns: int) -> FaceTrack:
    """Return the frames of one face as arrays."""
    in_order: dict[int, FaceFrame] = {}
    for frame in sorted(frames, key=lambda frame: frame.capture_time_ns):
        in_order.setdefault(frame.capture_time_ns, frame)
    kept = list(in_order.values())
    with_landmarks = all(frame.landmarks_px is not None for frame in kept)
    return FaceTrack(
        time_ns=np.array(list(in_order), np.int64),
        names=BLENDSHAPE_NAMES,
        weights=np.stack([frame.alpha_exp for frame in kept]),
        euler_rad=np.stack([frame.euler_rad for frame in kept]),
        quaternion=np.stack([frame.quaternion for frame in kept]),
        translation_px=np.stack([frame.translation_px for frame in kept]),
        scale_px_per_cm=np.array([frame.scale_px_per_cm for frame in kept], np.float32),
        source_size_px=np.array([frame.source_size_px for frame in kept], np.int32),
        tracked=np.array([frame.tracked for frame in kept], bool),
        confidence=np.array([frame.confidence for frame in kept], np.float32),
        landmarks_px=np.stack([frame.landmarks_px for frame in kept if frame.landmarks_px is not None])
        if with_landmarks
        else None,
        origin_ns=origin_ns,
        face_id=kept[0].face_id,
        session=kept[0].session,
        user=kept[-1].user,
    )


class _Checker:
    """Checks of the arrays of a track: whatever a file holds ends here."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __call__(self, name: str, array: Any, shape: tuple[int, ...], low: float, high: float, kind: str = "f") -> None:
        wanted = (self.count, *shape)
        if not isinstance(array, np.ndarray) or array.shape != wanted or array.dtype.kind not in kind:
            got = f"shape {array.shape} of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
            raise ConvertError(f"{name} of a track must have shape {wanted} and kind {kind!r}, got {got}")
        inside = (array >= low) & (array <= high)  # false for NaN, too
        if not inside.all():
            raise ConvertError(
                f"{name} of a track must hold numbers in {low:g}..{high:g}, got {array[~inside].flat[0]}"
            )
