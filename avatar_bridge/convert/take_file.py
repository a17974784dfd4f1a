"""Takes: what other formats hold, cut, resampled or mirrored faces as MCAP again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from avatar_bridge.errors import ConvertError, WireError
from avatar_bridge.messages import FaceFrame, Hello
from avatar_bridge.recording import Recorder
from avatar_bridge.recording.recorder import PARTIAL_SUFFIX
from avatar_bridge.tracks import FaceTrack
from rdr_core.atomic import whole_file
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

_PROGRESS_EVERY: Final = 500


def write_take(path: Path, track: FaceTrack, progress: Callable[[int], object] = lambda frames: None) -> None:
    """Write a face as a take, a Hello first. An older take of this name is never replaced (ConvertError)."""
    if track.names != BLENDSHAPE_NAMES:
        raise ConvertError("a take holds the 46 FaceWarehouse coefficients: leave --names and --mapping away")
    if path.exists():
        raise ConvertError(f"{path} is there already, and a take is never replaced: choose another name")
    with whole_file(
        path
    ) as temporary:  # the recorder would keep what an error or Ctrl-C leaves, as it should in a take
        try:
            _record(temporary, track, progress)
        finally:
            temporary.with_name(temporary.name + PARTIAL_SUFFIX).unlink(missing_ok=True)


def _record(path: Path, track: FaceTrack, progress: Callable[[int], object]) -> None:
    with Recorder(path, track.session, source="rdr convert") as take:
        hello = Hello(session=track.session, publish_time_ns=int(track.time_ns[0]), rate_hz=min(track.rate_hz, 1000.0))
        take.write(hello)
        for number in range(len(track)):
            take.write(frame_of(track, number))
            if number % _PROGRESS_EVERY == 0:
                progress(number)


def frame_of(track: FaceTrack, number: int) -> FaceFrame:
    """Return a frame of a track as a message; its number becomes seq."""
    try:
        return FaceFrame(
            session=track.session,
            seq=number,
            face_id=track.face_id,
            capture_time_ns=int(track.time_ns[number]),
            publish_time_ns=0,
            source_size_px=(int(track.source_size_px[number, 0]), int(track.source_size_px[number, 1])),
            tracked=bool(track.tracked[number]),
            confidence=float(track.confidence[number]),
            alpha_exp=np.clip(track.weights[number], 0, 1),
            quaternion=track.quaternion[number],
            euler_rad=track.euler_rad[number],
            translation_px=track.translation_px[number],
            scale_px_per_cm=float(track.scale_px_per_cm[number]),
            landmarks_px=None if track.landmarks_px is None else track.landmarks_px[number],
            user=track.user,
        )
    except WireError as error:
        raise ConvertError(f"frame {number} is none that a take can hold: {error}") from None
