"""A take in the Rerun viewer: the video's pictures, landmarks, the mesh, and every curve, on one time line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from avatar_bridge.errors import BridgeError
from avatar_bridge.plot.curves import FaceCurves, TakeCurves
from rdr_core.atomic import whole_file

if TYPE_CHECKING:
    from avatar_bridge.take_faces import TakeFaces
    from rdr_core.types import FacePrediction

MESH_EVERY_S: Final = 0.1
"""A mesh is 135 KB; at every picture a minute would take 240 MB."""
_TIMELINE: Final = "seconds"
_JPEG_QUALITY: Final = 80


def import_rerun() -> Any:
    """Return the module; BridgeError in one line where it is not installed."""
    try:
        import rerun
    except ImportError as error:
        raise BridgeError("--rerun needs the package rerun-sdk: install the extra `rerun`") from error
    return rerun


def write_rerun(
    out: Path,
    take: TakeCurves,
    video: Path | None = None,
    faces: TakeFaces | None = None,
    progress: Callable[[str], object] = lambda text: None,
) -> None:
    """Write an .rrd file; with the video and the take's faces also pictures, landmarks and meshes."""
    rerun = import_rerun()
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as temporary:
        stream = rerun.RecordingStream("rdr-live", recording_id=take.name)
        stream.save(str(temporary))
        for face in take.faces:
            progress(f"logging the curves of face {face.face_id}")
            _log_curves(rerun, stream, face)
        if video is not None and faces is not None:
            _log_video(rerun, stream, video, faces, progress)
        stream.flush()
        stream.disconnect()


def _log_curves(rerun: Any, stream: Any, face: FaceCurves) -> None:
    for curve in face.curves:
        for kind, seconds, values in (("filtered", face.seconds, curve.filtered), ("raw", face.raw_s, curve.raw)):
            if values is None:
                continue
            seen = np.isfinite(values)
            stream.send_columns(
                f"face_{face.face_id}/{curve.group}/{curve.name}/{kind}",
                indexes=[rerun.TimeColumn(_TIMELINE, duration=seconds[seen])],
                columns=rerun.Scalars.columns(scalars=values[seen].astype(np.float64)),
            )


def _log_video(rerun: Any, stream: Any, video: Path, faces: TakeFaces, progress: Callable[[str], object]) -> None:
    import cv2

    from avatar_bridge.capture.video import VideoSource
    from rdr_core.face_model.dynamic_expression_model import default_face_model

    model = default_face_model()
    stream.log("head", rerun.ViewCoordinates.RIGHT_HAND_Y_UP, static=True)
    meshed_s = -np.inf
    for picture in VideoSource(video, base_time_ns=0):
        seconds = faces.seconds_of(picture.source_time_ns or 0)
        stream.set_time(_TIMELINE, duration=seconds)
        jpeg = cv2.imencode(".jpg", picture.image_bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
        stream.log("picture", rerun.EncodedImage(contents=jpeg, media_type="image/jpeg"))
        seen = faces.at(picture.source_time_ns or 0)
        due = seconds - meshed_s >= MESH_EVERY_S
        meshed_s = seconds if due else meshed_s
        for face in seen:
            _log_landmarks(rerun, stream, face.face_id, face.prediction)
            if due:
                vertices = model.face(face.prediction.alpha_id, face.prediction.alpha_exp)
                mesh = rerun.Mesh3D(vertex_positions=vertices, triangle_indices=model.topology.triangles)
                stream.log(f"head/face_{face.face_id}", mesh)
        progress(f"logging {picture.name}: {picture.index + 1} pictures")


def _log_landmarks(rerun: Any, stream: Any, face_id: int, prediction: FacePrediction) -> None:
    for name, points, color in (
        ("S", prediction.shape, (90, 235, 90)),
        ("S_p", prediction.projected_shape, (255, 80, 255)),
    ):
        stream.log(f"picture/face_{face_id}/{name}", rerun.Points2D(points, colors=color, radii=1.5))
