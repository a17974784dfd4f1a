"""Which vertices of the default face model are the head's own landmarks: those that lie nearest, under the poses and
faces that a network says, to where annotators of heads in 3D place them.

`python -m rdr_core.evaluation.own_points --weights runs/live/weights.safetensors` measures them on the development part
of AFLW2000-3D and prints the list that `rdr_core.face_model.build_default` holds.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from rdr_core.data.aflw2000 import Aflw2000Face, read_aflw2000
from rdr_core.evaluation.nme import box_size
from rdr_core.evaluation.scores import YAW_BINS
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, default_face_model
from rdr_core.geometry.weak_perspective import project
from rdr_core.inference.decode import COMPENSATION
from rdr_core.landmarks import INNER, MIRROR, N_LANDMARKS
from rdr_core.types import FacePrediction, Float32

_BEHIND_CM: Final = -2.0
"""Vertices farther back than this are on no face."""


def nearest_vertices(
    projected: Float32, truths: list[Float32], weight: Float32, mirror: npt.NDArray[np.integer]
) -> npt.NDArray[np.intp]:
    """Return for each landmark the vertex with the least weighted mean distance, alike on both sides of the head.

    Args:
        projected: (M, n, 2) vertices of M faces.
        truths: annotations (M, 68, 2), each counted alike.
        weight: (M,) of the faces.
        mirror: (n,) the vertex on the other side.

    Returns:
        (68,) indices into the n vertices.
    """
    cost = np.zeros((N_LANDMARKS, projected.shape[1]))
    for truth in truths:
        for landmark in range(N_LANDMARKS):
            cost[landmark] += weight @ np.linalg.norm(projected - truth[:, landmark, None], axis=-1)
    cost += cost[MIRROR][:, mirror]
    own = cost.argmin(axis=1)
    other = np.array([mirror[own[twin]] for twin in MIRROR])
    return np.where(np.arange(N_LANDMARKS) <= MIRROR, own, other)


def bin_weights(yaw_deg: Float32, size: Float32) -> Float32:
    """(M,) absolute yaw and normaliser -> (M,) weights under which the bins count alike and errors are NME."""
    weight = np.zeros(len(yaw_deg))
    for low, high in YAW_BINS:
        inside = (yaw_deg >= low) & (yaw_deg < high)
        weight[inside] = 1 / max(1, inside.sum()) / len(YAW_BINS)
    return weight / size


def mirrored_vertices(neutral: Float32) -> npt.NDArray[np.intp]:
    """(n, 3) a head that is alike on both sides -> (n,) the nearest vertex to each one's mirror image."""
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(neutral).query(neutral * np.array([-1, 1, 1], np.float32))[1])


def projected_head(model: DynamicExpressionModel, vertices: npt.NDArray[np.integer], face: FacePrediction) -> Float32:
    """Vertices of a predicted head, (n, 2) image px."""
    head = model.face(face.alpha_id, face.alpha_exp)[vertices]
    pose = face.pose
    return project(head, pose.euler_rad, pose.translation_px, np.float32(pose.scale_px_per_cm))[:, :2]


def _predictions(weights: Path, faces: list[Aflw2000Face]) -> list[FacePrediction]:
    from rdr_core.inference.images import predict_images
    from rdr_core.inference.weights import load_predictor

    predictor: Any = load_predictor("live", weights)
    results = predict_images(predictor, [face.sample for face in faces], None)
    return [result.prediction for result in results if result.prediction is not None]


def main() -> None:
    from rdr_core.config import data_folder

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="network whose poses are taken")
    parser.add_argument("--data", type=Path, help="data folder (default: RDR_DATA)")
    arguments = parser.parse_args()
    faces = read_aflw2000(arguments.data or data_folder())
    model = default_face_model()
    mean = model.face()
    vertices = np.flatnonzero(mean[:, 2] > _BEHIND_CM)
    mirror = mirrored_vertices(mean[vertices])
    predicted = _predictions(arguments.weights, faces)
    projected = np.stack([projected_head(model, vertices, face) for face in predicted])
    original = np.stack([face.sample.landmarks_3d[:, :2] for face in faces if face.sample.landmarks_3d is not None])
    compensation = np.zeros((len(faces), N_LANDMARKS, 2), np.float32)  # a prediction's own points are moved by it
    compensation[:, INNER] = (
        COMPENSATION * np.stack([face.shape - face.projected_shape for face in predicted])[:, INNER]
    )
    truths = [truth - compensation for truth in (original, np.stack([face.reannotated for face in faces]))]
    yaw = np.degrees(np.abs([face.sample.euler_rad[1] for face in faces if face.sample.euler_rad is not None]))
    size = box_size(original)

    def choose(rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
        weight = bin_weights(yaw[rows], size[rows])
        return nearest_vertices(projected[rows], [truth[rows] for truth in truths], weight, mirror)

    def error(own: npt.NDArray[np.intp], rows: npt.NDArray[np.bool_]) -> str:
        weight = bin_weights(yaw[rows], size[rows])
        distances = [np.linalg.norm(projected[rows][:, own] - truth[rows], axis=-1).mean(axis=1) for truth in truths]
        return " and ".join(f"{100 * weight @ distance:.2f} %" for distance in distances)

    place = {int(vertex): number for number, vertex in enumerate(vertices)}
    now = np.array([place[int(vertex)] for vertex in model.topology.own])
    everybody = np.ones(len(faces), bool)
    half = np.arange(len(faces)) % 4 < 2
    print(f"as they are: {error(now, everybody)} (original and re-annotated, mean of bins)")
    for rows in (half, ~half):
        print(f"on one half of the faces {error(now, rows)}; chosen on the other: {error(choose(~rows), rows)}")
    best = choose(everybody)
    print(f"chosen on all: {error(best, everybody)}")
    print([int(vertex) for vertex in vertices[best]])


if __name__ == "__main__":
    main()
