"""Prediction over pictures and the file that it is written to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from rdr_core.data.sample import FaceSample
from rdr_core.errors import ConfigError, DataError
from rdr_core.inference.detector import FaceDetector
from rdr_core.inference.images import ImageResult, predict_images, save_predictions
from rdr_core.inference.predictor import RDRPredictor
from rdr_core.inference.weights import load_predictor
from rdr_core.modeling.build import RdrConfig
from rdr_core.modeling.rdr import RDR
from rdr_core.training.checkpoint import prefixed, save_checkpoint

BOX = np.array([184.0, 63, 268, 160], np.float32)


@pytest.fixture
def predictor(tiny_network: RDR, tiny_config: RdrConfig, tmp_path: Path) -> RDRPredictor:
    save_checkpoint(tmp_path / "w.safetensors", tiny_config, prefixed("network.", tiny_network), {})
    return RDRPredictor(tmp_path / "w.safetensors")


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """(512, 512) picture of one face."""
    data = pytest.importorskip("skimage.data", reason="scikit-image carries the picture")
    path = tmp_path_factory.mktemp("pictures") / "portrait.png"
    cv2.imwrite(str(path), data.astronaut()[..., ::-1])
    return path


@pytest.fixture(scope="module")
def empty_picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "empty.png"
    cv2.imwrite(str(path), np.full((120, 160, 3), 120, np.uint8))
    return path


def test_columns_shapes_and_nan_rows(
    predictor: RDRPredictor, portrait: Path, empty_picture: Path, tmp_path: Path
) -> None:
    samples = [FaceSample("a/portrait.png", portrait), FaceSample("empty.png", empty_picture)]
    results = predict_images(predictor, samples, FaceDetector())
    out = tmp_path / "new" / "p.npz"
    save_predictions(out, results)
    assert [path.name for path in out.parent.iterdir()] == ["p.npz"]
    with np.load(out, allow_pickle=False) as file:
        found = {name: file[name] for name in file.files}
    shapes = {
        "names": (2,), "landmarks": (2, 68, 2), "landmarks_3d": (2, 68, 3), "projected": (2, 68, 2), "detected": (2,),
        "yaw_deg": (2,), "pitch_deg": (2,), "roll_deg": (2,), "alpha_exp": (2, 46), "scale": (2,), "confidence": (2,),
        "ms": (2,),
    }  # fmt: skip
    assert {name: value.shape for name, value in found.items()} == shapes
    assert found["names"].tolist() == ["a/portrait.png", "empty.png"]
    assert found["detected"].tolist() == [True, False]
    for name in set(shapes) - {"names", "detected", "ms"}:
        assert found[name].dtype == np.float32
        assert np.isfinite(found[name][0]).all()
        assert np.isnan(found[name][1]).all()
    assert found["ms"][0] > 0
    prediction = results[0].prediction
    assert prediction is not None
    np.testing.assert_array_equal(found["landmarks"][0], prediction.shape)
    np.testing.assert_allclose(found["yaw_deg"][0], np.degrees(prediction.pose.euler_rad[1]), rtol=1e-6)
    np.testing.assert_allclose(found["pitch_deg"][0], np.degrees(prediction.pose.euler_rad[0]), rtol=1e-6)
    np.testing.assert_allclose(found["roll_deg"][0], np.degrees(prediction.pose.euler_rad[2]), rtol=1e-6)


def test_all_rows_empty(empty_picture: Path, tmp_path: Path) -> None:
    nothing = ImageResult(FaceSample("e", empty_picture), None, None, None, 0.0)
    save_predictions(tmp_path / "p.npz", [nothing, nothing])
    with np.load(tmp_path / "p.npz") as file:
        assert file["landmarks"].shape == (2, 68, 2)
        assert np.isnan(file["landmarks"]).all()


def test_boxes_of_the_manifest(predictor: RDRPredictor, portrait: Path) -> None:
    """Landmarks lie about the box that was given, wherever it is; steps end in the prediction."""
    calls: list[int] = []
    for shift in (0, 60):
        sample = FaceSample("a", portrait, BOX + shift)
        (result,) = predict_images(predictor, [sample], None, progress=lambda: calls.append(1))
        assert result.prediction is not None
        assert result.step_shapes is not None
        assert result.step_projected is not None
        assert result.step_shapes.shape == result.step_projected.shape == (3, 68, 2)
        np.testing.assert_array_equal(result.step_shapes[-1], result.prediction.shape)
        np.testing.assert_array_equal(result.step_projected[-1], result.prediction.projected_shape)
        center = BOX.reshape(2, 2).mean(axis=0) + shift
        assert np.linalg.norm(result.prediction.shape.mean(axis=0) - center) < 100
    assert len(calls) == 2


def test_second_pass_looks_at_another_crop(predictor: RDRPredictor, portrait: Path) -> None:
    sample = FaceSample("a", portrait, BOX)
    first, second = (predict_images(predictor, [sample], None, passes)[0].prediction for passes in (1, 2))
    assert first is not None
    assert second is not None
    assert np.abs(first.shape - second.shape).max() > 1e-3
    with pytest.raises(ConfigError, match="passes and batch must be at least 1, got 0 and 1"):
        predict_images(predictor, [sample], None, 0)


@pytest.mark.parametrize("passes", [1, 2])
def test_faces_together_are_faces_alone(
    predictor: RDRPredictor, portrait: Path, empty_picture: Path, passes: int
) -> None:
    """In order, with those where nothing was found between them, and a last batch that is not full."""
    samples = [FaceSample("a", portrait), FaceSample("empty", empty_picture), FaceSample("b", portrait, BOX + 40)]
    samples += [FaceSample("c", portrait, BOX), FaceSample("none", empty_picture)]
    calls: list[int] = []
    detector = FaceDetector()
    together = predict_images(predictor, samples, detector, passes, lambda: calls.append(1), batch=3)
    alone = predict_images(predictor, samples, detector, passes)
    assert len(calls) == 5
    assert [result.sample.name for result in together] == ["a", "empty", "b", "c", "none"]
    assert [result.prediction is None for result in together] == [False, True, False, False, True]
    for one, other in zip(together, alone, strict=True):
        if one.prediction is not None and other.prediction is not None:
            np.testing.assert_allclose(one.prediction.shape, other.prediction.shape, atol=0.01)
            np.testing.assert_allclose(one.prediction.alpha_exp, other.prediction.alpha_exp, atol=1e-4)
            assert one.step_shapes is not None
            np.testing.assert_array_equal(one.step_shapes[-1], one.prediction.shape)


@pytest.mark.parametrize("passes", [1, 2])
def test_states_after_each_step(predictor: RDRPredictor, portrait: Path, passes: int) -> None:
    """The last one is the prediction, also where the crop is turned."""
    (result,) = predict_images(predictor, [FaceSample("a", portrait, BOX)], None, passes=passes)
    assert result.prediction is not None
    assert result.step_alpha_exp is not None
    assert (len(result.step_poses), result.step_alpha_exp.shape) == (3, (3, 46))
    np.testing.assert_array_equal(result.step_alpha_exp[-1], result.prediction.alpha_exp)
    np.testing.assert_allclose(result.step_poses[-1].euler_rad, result.prediction.pose.euler_rad)
    np.testing.assert_allclose(result.step_poses[-1].translation_px, result.prediction.pose.translation_px)
    assert result.step_poses[-1].scale_px_per_cm == result.prediction.pose.scale_px_per_cm
    assert np.abs(result.step_poses[0].euler_rad - result.step_poses[-1].euler_rad).max() > 1e-4


def test_sample_without_a_box(predictor: RDRPredictor, portrait: Path) -> None:
    with pytest.raises(DataError, match=r"a\.png: no `bbox_xyxy` in the manifest; use --boxes detect"):
        predict_images(predictor, [FaceSample("a.png", portrait)], None)


def test_of_several_faces_the_one_that_is_meant(predictor: RDRPredictor, portrait: Path, tmp_path: Path) -> None:
    picture = cv2.imread(str(portrait))[40:300, 120:340]
    both = tmp_path / "both.png"
    cv2.imwrite(str(both), np.hstack([picture, picture]))
    left = FaceSample("left", both, np.array([64, 23, 148, 120], np.float32))
    right = replace(left, name="right", box_xyxy=left.box_xyxy + [220, 0, 220, 0])
    results = predict_images(predictor, [left, right], FaceDetector())
    places = [r.prediction.pose.translation_px[0] for r in results if r.prediction is not None]
    assert places[1] - places[0] == pytest.approx(220, abs=12)


def test_shipped_network_on_a_portrait(shipped_network: Path, portrait: Path) -> None:
    """Eyes and mouth where they are in the picture, read off by eye; a smile, nearly frontal."""
    (result,) = predict_images(load_predictor(weights=shipped_network), [FaceSample("a", portrait)], FaceDetector())
    face = result.prediction
    assert face is not None
    assert face.confidence > 0.6
    expected = {"right eye": (206, 103), "left eye": (247, 105), "mouth": (224, 143)}
    groups = {"right eye": slice(36, 42), "left eye": slice(42, 48), "mouth": slice(48, 60)}
    for name, place in expected.items():
        assert np.linalg.norm(face.shape[groups[name]].mean(axis=0) - place) < 8, name
    assert np.degrees(np.abs(face.pose.euler_rad)).max() < 30


def test_shipped_network_on_300w(shipped_network: Path, rdr_data: Path) -> None:
    from rdr_core.data.w300 import read_w300
    from rdr_core.evaluation.nme import inter_ocular, nme

    samples = read_w300(rdr_data, "common")[::40]
    results = predict_images(load_predictor(weights=shipped_network), samples, None)
    predicted = np.stack([r.prediction.shape for r in results if r.prediction is not None])
    truth = np.stack([s.shape for s in samples if s.shape is not None])
    assert nme(predicted, truth, inter_ocular(truth)).mean() < 0.07
