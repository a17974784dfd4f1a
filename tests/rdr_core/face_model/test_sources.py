"""FaceWarehouse's file formats, on an imitation written out from the default model: real files of the real sizes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from rdr_core.errors import AssetError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, load_face_model
from rdr_core.face_model.sources import (
    EYE_CORNERS_CM,
    read_facewarehouse,
    read_land,
    read_landmark_list,
    read_person,
    read_shapes,
    read_triangles,
    read_vertices,
)
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT, INNER

PEOPLE = 8
UNIT = 0.1
"""As in conftest.py."""


def test_mean_face_is_in_cm_and_in_the_default_frame(
    model: DynamicExpressionModel, face_model: DynamicExpressionModel
) -> None:
    points = model.face()[model.topology.landmarks]
    assert np.linalg.norm(points[EYE_LEFT[3]] - points[EYE_RIGHT[0]]) == pytest.approx(EYE_CORNERS_CM, abs=0.01)
    home = face_model.face()[face_model.topology.landmarks][INNER].mean(axis=0)
    np.testing.assert_allclose(points[INNER].mean(axis=0), home, atol=0.01)


def test_people_come_back(model: DynamicExpressionModel, people: np.ndarray) -> None:
    """Eight identity dimensions hold eight people exactly, but for the rank of the vertex mode."""
    mean = people[:, 0].mean(axis=0)[model.topology.landmarks]
    scale = EYE_CORNERS_CM / np.linalg.norm(mean[EYE_LEFT[3]] - mean[EYE_RIGHT[0]])
    shift = model.face()[model.topology.landmarks].mean(axis=0) - scale * mean.mean(axis=0)
    design = np.stack([model.blendshapes(row)[0].ravel() for row in np.eye(PEOPLE, dtype=np.float32)], axis=1)
    for shapes in people:
        expected = scale * shapes + shift
        alpha_id = np.linalg.lstsq(design, expected[0].ravel(), rcond=None)[0].astype(np.float32)
        neutral, offsets = model.blendshapes(alpha_id)
        assert np.abs(neutral - expected[0]).max() < 0.01
        assert np.abs(neutral + offsets - expected[1:]).max() < 0.02


@pytest.mark.parametrize(("kept", "most_mm"), [(8, 0.1), (4, 1.5), (2, 2.5)])
def test_error_under_truncation(kept: int, most_mm: float, facewarehouse: Path, landmark_list: Path) -> None:
    """Fewer identity dimensions tell the eight people apart less well, and the reader says by how much."""
    rms, worst = read_facewarehouse(facewarehouse, landmark_list, kept)[1]
    assert most_mm / 4 < rms < most_mm or (kept == PEOPLE and rms < most_mm), rms
    assert rms < worst


def test_expressions_stay_blendshapes(
    model: DynamicExpressionModel, face_model: DynamicExpressionModel, order: np.ndarray
) -> None:
    """Slice e moves what expression e moves: HOSVD runs along identity only."""
    ours, theirs = model.blendshapes()[1], face_model.blendshapes()[1][:, order]
    for e in range(model.n_expressions):
        cosine = (ours[e] * theirs[e]).sum() / (np.linalg.norm(ours[e]) * np.linalg.norm(theirs[e]))
        assert cosine > 0.97, model.names[e]


def test_topology_serves_the_landmarks(
    model: DynamicExpressionModel, face_model: DynamicExpressionModel, order: np.ndarray
) -> None:
    assert len(model.topology.subset) == 488
    assert turned(order[model.topology.triangles]) == turned(face_model.topology.triangles)
    np.testing.assert_array_equal(order[model.topology.landmarks], face_model.topology.landmarks)


def turned(triangles: np.ndarray) -> set[tuple[int, ...]]:
    """Triangles with their smallest vertex first: equal where they are the same ones of the same orientation."""
    return {tuple(np.roll(t, -t.argmin()).tolist()) for t in triangles}


def test_saved_model_loads(model: DynamicExpressionModel, tmp_path: Path) -> None:
    model.save(tmp_path / "mine.npz")
    again = load_face_model(tmp_path / "mine.npz")
    np.testing.assert_allclose(again.face(), model.face(), atol=0.02)


def test_too_few_people(facewarehouse: Path, landmark_list: Path) -> None:
    with pytest.raises(AssetError, match=r"50 identity dimensions .* 8 people"):
        read_facewarehouse(facewarehouse, landmark_list)


def test_no_people(tmp_path: Path) -> None:
    (tmp_path / "Tester_one" / "Blendshape").mkdir(parents=True)
    with pytest.raises(AssetError, match="no Tester_"):
        read_facewarehouse(tmp_path)


def test_usual_list_does_not_fit_another_mesh(facewarehouse: Path) -> None:
    """The shipped list is of FaceWarehouse's own mesh, and this one has fewer vertices."""
    with pytest.raises(AssetError, match=r"landmarks.json: `vertices` must be 68"):
        read_facewarehouse(facewarehouse, None, n_identity=PEOPLE)


def test_list_of_a_mirrored_face(facewarehouse: Path, landmark_list: Path, tmp_path: Path) -> None:
    vertices = json.loads(landmark_list.read_text())["vertices"]
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"vertices": vertices[::-1]}))
    with pytest.raises(AssetError, match="landmark list is of another mesh"):
        read_facewarehouse(facewarehouse, wrong, n_identity=PEOPLE)


def test_shipped_list_is_of_the_real_mesh() -> None:
    vertices = read_landmark_list(None, 11510)
    assert vertices.shape == (68,)
    assert vertices[[0, 8, 16, 67]].tolist() == [1089, 9150, 2514, 3376]


@pytest.mark.parametrize(
    "content", ["", "[]", '{"vertices": 3}', '{"vertices": [1, 2]}', '{"vertices": ["a"]}', "{", "null", "[" * 100_000]
)
def test_absurd_landmark_lists(content: str, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(content)
    with pytest.raises(AssetError) as caught:
        read_landmark_list(path, 11510)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("extra", [[-1], [11510], [True], [1.0], [5]])
def test_landmark_list_with_one_bad_index(extra: list[object], tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"vertices": [*range(67), *extra]}))
    with pytest.raises(AssetError, match="68 different indices from 0 to 11509"):
        read_landmark_list(path, 11510)


HEADERS = {
    "no shapes": (0, 11510, 11540),
    "negative": (46, -5, 11540),
    "gigantic": (46, 2**31 - 1, 11540),
    "another format": (2**31 - 1, 2**31 - 1, 2**31 - 1),
    "no polygons": (46, 11510, 0),
    "25 shapes": (25, 11510, 11540),
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_absurd_headers(header: tuple[int, int, int], tmp_path: Path) -> None:
    path = tmp_path / "shape.bs"
    path.write_bytes(np.array(header, "<i4").tobytes() + b"\0" * 1000)
    with pytest.raises(AssetError, match="not FaceWarehouse's shapes") as caught:
        read_shapes(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [0, 5, 12, 100_000, 6_343_883])
def test_truncated_shapes(kept: int, facewarehouse: Path, tmp_path: Path) -> None:
    path = tmp_path / "shape.bs"
    path.write_bytes((facewarehouse / "Tester_1" / "Blendshape" / "shape.bs").read_bytes()[:kept])
    assert path.stat().st_size == kept
    with pytest.raises(AssetError, match="truncated") as caught:
        read_shapes(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e30])
def test_unusable_positions(value: float, facewarehouse: Path, tmp_path: Path) -> None:
    content = bytearray((facewarehouse / "Tester_1" / "Blendshape" / "shape.bs").read_bytes())
    content[-4:] = np.float32(value).tobytes()
    (tmp_path / "shape.bs").write_bytes(content)
    with pytest.raises(AssetError, match="not finite or over"):
        read_shapes(tmp_path / "shape.bs")


def test_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="cannot be read"):
        read_shapes(tmp_path)


def test_people_of_different_meshes(facewarehouse: Path, landmark_list: Path, tmp_path: Path) -> None:
    for source in facewarehouse.glob("Tester_*/Blendshape/*"):
        target = tmp_path / source.relative_to(facewarehouse)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)
    other = tmp_path / "Tester_7" / "Blendshape" / "shape.bs"
    other.unlink()
    other.write_bytes(np.array([46, 2000, 2000], "<i4").tobytes() + b"\0" * (47 * 2000 * 12))
    with pytest.raises(AssetError, match=r"Tester_7.* has 2000 vertices"):
        read_facewarehouse(tmp_path, landmark_list, n_identity=PEOPLE)


@pytest.mark.parametrize(
    "face", ["f 1 2", "f 0 1 2", "f 1 2 5", "f -1 -2 -3", "f a b c", "f 1 2 3 4 1", "f 1 2 3/x/ y"]
)
def test_untrusted_polygons(face: str, tmp_path: Path) -> None:
    path = tmp_path / "shape_0.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\n" + face + "\n")
    with pytest.raises(AssetError, match="line 5: expected 3 or 4 corners from 1 to 4"):
        read_triangles(path, 4)


def test_polygons_of_every_style(tmp_path: Path) -> None:
    path = tmp_path / "shape_0.obj"
    path.write_text(
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nf 1 2 3\nf 1/7 2/8 3/9 4/1\nf 1//2 2//2 4//2\nf 2/1/1 3/1/1 4/1/1"
    )
    expected = [[0, 1, 2], [0, 1, 2], [0, 2, 3], [0, 1, 3], [1, 2, 3]]
    assert read_triangles(path, 4).tolist() == expected


def test_obj_that_is_not_beside_its_shapes(tmp_path: Path) -> None:
    path = tmp_path / "shape_0.obj"
    with pytest.raises(AssetError, match="holds the mesh's polygons"):
        read_triangles(path, 4)
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(AssetError, match=r"has 3 vertices, shape.bs beside it 4"):
        read_triangles(path, 4)
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n")
    with pytest.raises(AssetError, match="has 0 triangles"):
        read_triangles(path, 3)


def test_land(tmp_path: Path) -> None:
    """y is counted from the bottom: the point at (0.25, 0.75) of a 640 x 480 picture is at (160, 120)."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 1, (74, 2))
    points[0] = 0.25, 0.75
    path = tmp_path / "pose_0.land"
    path.write_text("74\n" + "\n".join(f"{x:.6f} {y:.6f}" for x, y in points) + "\n")
    found = read_land(path, 640, 480)
    assert found.shape == (74, 2)
    assert found.dtype == np.float32
    assert found[0].tolist() == [160, 120]
    np.testing.assert_allclose(found, np.stack([640 * points[:, 0], 480 * (1 - points[:, 1])], 1), atol=1e-3)


@pytest.mark.parametrize("content", ["", "74", "74\n0.1 0.2", "x\n1 2", "73\n" + "0 0\n" * 73, "74\n" + "nan 0\n" * 74])
def test_absurd_land(content: str, tmp_path: Path) -> None:
    path = tmp_path / "pose_0.land"
    path.write_text(content)
    with pytest.raises(AssetError) as caught:
        read_land(path, 640, 480)
    assert "\n" not in str(caught.value)


def test_people_in_obj_files(facewarehouse: Path, people: np.ndarray, tmp_path: Path) -> None:
    found = read_person(facewarehouse / "Tester_10" / "Blendshape")
    np.testing.assert_allclose(found, people[7] * UNIT + np.array([0.3, -2.0, 5.0]), atol=2e-6)
    shutil.copytree(facewarehouse / "Tester_10", tmp_path / "Tester_10")
    (tmp_path / "Tester_10" / "Blendshape" / "shape_7.obj").unlink()
    with pytest.raises(AssetError, match=r"Tester_10.*\(1 missing, first shape_7.obj\)"):
        read_facewarehouse(tmp_path, n_identity=1)


@pytest.mark.parametrize("line", ["v 1 2", "v a b c", "v 1 nan 2", "v 1e30 0 0"])
def test_untrusted_vertices(line: str, tmp_path: Path) -> None:
    (tmp_path / "shape_1.obj").write_text("v 0 0 0\n" * 2000 + line + "\n")
    with pytest.raises(AssetError, match="three finite numbers"):
        read_vertices(tmp_path / "shape_1.obj")


def test_wrongly_sized_obj(tmp_path: Path) -> None:
    (tmp_path / "shape_1.obj").write_text("v 0 0 0\n" * 20)
    with pytest.raises(AssetError, match="has 20 vertices, no FaceWarehouse mesh"):
        read_vertices(tmp_path / "shape_1.obj")
