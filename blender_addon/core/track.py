"""A take as arrays: one face over time.

T: frames.  N: shapes, 46 of FaceWarehouse or 52 of ARKit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .checks import MAX_TIME_NS, QUATERNION_TOLERANCE, Float32
from .errors import TakeError
from .mapping import Retargeter
from .mapping_file import load_preset
from .protocol import MAX_PIXELS, FaceFrame
from .shapes import SHAPE_NAMES

Array = npt.NDArray[Any]
MAX_FRAMES: Final = 10_000_000
"""Two days at 60 frames a second."""
MAX_WEIGHT: Final = 100.0
DEFAULT_SIZE_PX: Final = (1280, 720)
DEFAULT_SCALE_PX_PER_CM: Final = 20.0
"""A head a third as high as such a picture; for formats that say nothing of a camera."""
_ARKIT: Final = "arkit"
_ARKIT_BACK: Final = "arkit_to_facewarehouse"


@dataclass(frozen=True, eq=False, kw_only=True)
class FaceTrack:
    """One face over time; frames may come at any intervals."""

    time_ns: Array
    """(T,) int64 capture times, ns since the epoch, rising."""
    names: tuple[str, ...]
    """(N,) what the weights are of."""
    weights: Float32
    """(T, N) coefficients."""
    quaternion: Float32
    """(T, 4) w, x, y, z, the head's rotation in the model's axes."""
    translation_px: Float32
    """(T, 3) image position of the head's origin."""
    scale_px_per_cm: Float32
    """(T,) 0 where no face was seen yet."""
    source_size_px: Array
    """(T, 2) width and height of the picture."""
    tracked: Array
    """(T,) bool; where false, the values are the last good ones."""
    confidence: Float32
    """(T,) 0..1."""
    face_id: int = 0
    session: str = "file"

    def __post_init__(self) -> None:
        count = len(self.time_ns)
        if not 1 <= count <= MAX_FRAMES:
            raise TakeError(f"a track must have 1 to {MAX_FRAMES} frames, got {count}")
        if len(set(self.names)) != len(self.names):
            raise TakeError("the names of a track's shapes must differ from each other, got one twice")
        check = _Checker(count)
        check("time_ns", self.time_ns, (), 0, MAX_TIME_NS, "iu")
        check("weights", self.weights, (len(self.names),), -MAX_WEIGHT, MAX_WEIGHT)
        check("quaternion", self.quaternion, (4,), -1 - QUATERNION_TOLERANCE, 1 + QUATERNION_TOLERANCE)
        check("translation_px", self.translation_px, (3,), -MAX_PIXELS, MAX_PIXELS)
        check("scale_px_per_cm", self.scale_px_per_cm, (), 0, MAX_PIXELS)
        check("source_size_px", self.source_size_px, (2,), 1, 65535, "iu")
        check("tracked", self.tracked, (), 0, 1, "b")
        check("confidence", self.confidence, (), 0, 1)
        if (np.diff(self.time_ns.astype(np.int64)) <= 0).any():
            raise TakeError("the capture times of a track must rise")
        if (abs(np.linalg.norm(self.quaternion.astype(np.float64), axis=1) - 1) > QUATERNION_TOLERANCE).any():
            raise TakeError("the quaternions of a track must be of length 1")

    def __len__(self) -> int:
        return len(self.time_ns)

    @property
    def duration_s(self) -> float:
        """From the first to the last frame."""
        return float(self.time_ns[-1] - self.time_ns[0]) / 1e9

    @property
    def rate_hz(self) -> float:
        """Frames a second: one over the median interval; 0 of a single frame."""
        return 0.0 if len(self) < 2 else float(1e9 / np.median(np.diff(self.time_ns)))

    def take_frames(self, index: Array) -> FaceTrack:
        """Return the frames of an index array."""
        return replace(self, **{name: getattr(self, name)[index] for name in PER_FRAME})

    def as_facewarehouse(self) -> FaceTrack:
        """Return the track with the 46 shapes of the wire. Raises TakeError where it has others than those of ARKit."""
        if self.names == SHAPE_NAMES:
            return self
        if set(self.names) == set(SHAPE_NAMES):
            order = [self.names.index(name) for name in SHAPE_NAMES]
            return replace(self, names=SHAPE_NAMES, weights=self.weights[:, order])
        if set(self.names) == set(load_preset(_ARKIT).targets):
            back = Retargeter(load_preset(_ARKIT_BACK), self.names)
            return replace(self, names=back.mapping.targets, weights=back(self.weights))
        raise TakeError(
            f"shapes such as {self.names[0]!r} cannot be read: FaceWarehouse's 46 and ARKit's 52 can; "
            "convert the take itself"
        )

    def frames(self) -> Iterator[FaceFrame]:
        """Yield the frames of a track with the 46 shapes, as they would come over the wire, but for Euler angles."""
        weights = np.clip(self.weights, 0, 1).astype(np.float32)
        for number, time_ns in enumerate(self.time_ns.tolist()):
            width, height = self.source_size_px[number].tolist()
            yield FaceFrame(
                session=self.session,
                seq=number,
                face_id=self.face_id,
                capture_time_ns=time_ns,
                publish_time_ns=0,
                source_size_px=(width, height),
                tracked=bool(self.tracked[number]),
                confidence=float(self.confidence[number]),
                alpha_exp=weights[number],
                quaternion=self.quaternion[number],
                euler_rad=np.zeros(3, np.float32),
                translation_px=self.translation_px[number],
                scale_px_per_cm=float(self.scale_px_per_cm[number]),
            )


PER_FRAME: Final = (
    ("time_ns", "weights", "quaternion", "translation_px", "scale_px_per_cm", "source_size_px", "tracked")
    + ("confidence",)
)  # fmt: skip
"""The fields of a FaceTrack that have an entry for each frame."""


def track_of(frames: Sequence[FaceFrame]) -> FaceTrack:
    """Return the frames of one face as arrays, in the order of their times; of two with the same time the first."""
    in_order: dict[int, FaceFrame] = {}
    for frame in sorted(frames, key=lambda frame: frame.capture_time_ns):
        in_order.setdefault(frame.capture_time_ns, frame)
    kept = list(in_order.values())
    return FaceTrack(
        time_ns=np.array(list(in_order), np.int64),
        names=SHAPE_NAMES,
        weights=np.stack([frame.alpha_exp for frame in kept]),
        quaternion=np.stack([frame.quaternion for frame in kept]),
        translation_px=np.stack([frame.translation_px for frame in kept]),
        scale_px_per_cm=np.array([frame.scale_px_per_cm for frame in kept], np.float32),
        source_size_px=np.array([frame.source_size_px for frame in kept], np.int32),
        tracked=np.array([frame.tracked for frame in kept], bool),
        confidence=np.array([frame.confidence for frame in kept], np.float32),
        face_id=kept[0].face_id,
        session=kept[0].session,
    )


def without_camera(time_ns: Array, quaternion: Array, tracked: Array) -> dict[str, Any]:
    """Return the per-frame fields of a track from a format without a camera: the head stands in the middle."""
    count, (width, height) = len(time_ns), DEFAULT_SIZE_PX
    return {
        "time_ns": time_ns,
        "quaternion": quaternion.astype(np.float32),
        "translation_px": np.tile(np.array([width / 2, height / 2, 0], np.float32), (count, 1)),
        "scale_px_per_cm": np.full(count, DEFAULT_SCALE_PX_PER_CM, np.float32),
        "source_size_px": np.tile(np.array(DEFAULT_SIZE_PX, np.int32), (count, 1)),
        "tracked": tracked,
        "confidence": tracked.astype(np.float32),
    }


class _Checker:
    """Checks of the arrays of a track: whatever a file holds ends here."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __call__(self, name: str, array: Any, shape: tuple[int, ...], low: float, high: float, kind: str = "f") -> None:
        wanted = (self.count, *shape)
        if not isinstance(array, np.ndarray) or array.shape != wanted or array.dtype.kind not in kind:
            got = f"shape {array.shape} of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
            raise TakeError(f"{name} of a track must have shape {wanted} and kind {kind!r}, got {got}")
        inside = (array >= low) & (array <= high)  # false for NaN, too
        if not inside.all():
            raise TakeError(f"{name} of a track must hold numbers in {low:g}..{high:g}, got {array[~inside].flat[0]}")
