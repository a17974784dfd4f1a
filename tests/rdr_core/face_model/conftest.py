"""An imitation of FaceWarehouse: eight people written out from the shipped model in its formats, vertices in another
order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.face_model.sources import read_facewarehouse

PEOPLE = 8
UNIT = 0.1
"""FaceWarehouse has a unit of its own; the imitation has this many of it in a cm."""


def polygons_of(triangles: np.ndarray) -> list[list[int]]:
    """Join neighbouring triangles to quads where two in a row share an edge, as in a mesh of mostly quads."""
    polygons, number = [], 0
    while number < len(triangles):
        a, b, c = triangles[number]
        following = triangles[number + 1].tolist() if number + 1 < len(triangles) else []
        if len(polygons) % 10 and a in following and c in following and b not in following:
            (d,) = set(following) - {a, c}
            polygons.append([a, b, c, d])
            number += 2
        else:
            polygons.append([a, b, c])
            number += 1
    return polygons


def write_obj(path: Path, vertices: np.ndarray, polygons: list[list[int]]) -> None:
    styles = ("{0}", "{0}/{0}", "{0}/{0}/{0}", "{0}//{0}")
    lines = ["# made for a test", *(f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices), "vt 0.5 0.5", "vn 0 0 1"]
    for number, polygon in enumerate(polygons):
        style = styles[number % len(styles)]
        lines.append("f " + " ".join(style.format(int(vertex) + 1) for vertex in polygon))
    path.write_text("\n".join(lines) + "\n")


def write_shapes(path: Path, shapes: np.ndarray, n_polygons: int, tail: bytes = b"") -> None:
    header = np.array([len(shapes) - 1, shapes.shape[1], n_polygons], "<i4")
    path.write_bytes(header.tobytes() + shapes.astype("<f4").tobytes() + tail)


@pytest.fixture(scope="session")
def order(face_model: DynamicExpressionModel) -> np.ndarray:
    """(N,) the imitation counts its vertices in another order than the shipped model: the k-th is its order[k]."""
    return np.random.default_rng(8).permutation(face_model.tensor.n_vertices)


@pytest.fixture(scope="session")
def people(order: np.ndarray, face_model: DynamicExpressionModel) -> np.ndarray:
    """(8, 47, N, 3) meshes of eight identities of the shipped model, cm."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(PEOPLE):
        alpha_id = face_model.identity_mean + 0.7 * face_model.identity_std * rng.standard_normal(50)
        neutral, offsets = face_model.blendshapes(alpha_id.astype(np.float32))
        found.append(np.concatenate([neutral[None], neutral + offsets]))
    return np.stack(found).astype(np.float32)[:, :, order]


@pytest.fixture(scope="session")
def facewarehouse(
    people: np.ndarray,
    order: np.ndarray,
    face_model: DynamicExpressionModel,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Seven people with shape.bs, the last one with 47 OBJ files alone."""
    folder = tmp_path_factory.mktemp("facewarehouse")
    polygons = polygons_of(np.argsort(order)[face_model.topology.triangles])
    assert {len(polygon) for polygon in polygons} == {3, 4}
    for number, shapes in zip((1, 2, 3, 4, 5, 6, 7, 10), people, strict=True):
        blendshape = folder / f"Tester_{number}" / "Blendshape"
        blendshape.mkdir(parents=True)
        own = shapes * UNIT + np.array([0.3, -2.0, 5.0])  # another origin, too
        if number == 10:
            for e, shape in enumerate(own):
                write_obj(blendshape / f"shape_{e}.obj", shape, polygons[:10])
            continue
        write_shapes(blendshape / "shape.bs", own, len(polygons), tail=b"\0" * 7 if number == 2 else b"")
        if number == 1:
            write_obj(blendshape / "shape_0.obj", own[0], polygons)
    return folder


@pytest.fixture(scope="session")
def landmark_list(
    order: np.ndarray, face_model: DynamicExpressionModel, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("landmarks") / "landmarks.json"
    path.write_text(json.dumps({"vertices": np.argsort(order)[face_model.topology.landmarks].tolist()}))
    return path


@pytest.fixture(scope="session")
def model(facewarehouse: Path, landmark_list: Path) -> DynamicExpressionModel:
    return read_facewarehouse(facewarehouse, landmark_list, n_identity=PEOPLE)[0]
