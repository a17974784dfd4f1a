"""Numbers of a network after each step: the last ones are those of the protocols, the others those of a prefix."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rdr_core.data.w300 import read_w300
from rdr_core.errors import DataError
from rdr_core.evaluation.ablation import (
    AFLW2000_MEAN,
    EXPRESSIVE,
    POSE,
    POSED,
    W300_2D,
    W300_3D,
    Benchmarks,
    StopAfterStep,
    aflw2000_by_step,
    measure,
)
from rdr_core.evaluation.protocols.aflw2000 import evaluate_aflw2000
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.inference.export import first_steps
from rdr_core.inference.images import predict_images
from rdr_core.inference.predictor import RDRPredictor
from rdr_core.modeling.build import RdrConfig
from rdr_core.modeling.rdr import RDR
from rdr_core.training.checkpoint import load_checkpoint, prefixed, save_checkpoint


@pytest.fixture
def weights(tiny_network: RDR, tiny_config: RdrConfig, tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_checkpoint(path, tiny_config, prefixed("network.", tiny_network), {})
    return path


def predict_with(weights: Path, **options: Any) -> Any:
    return partial(predict_images, RDRPredictor(weights), detector=None, **options)


@pytest.mark.parametrize("passes", [1, 2])
def test_the_last_step_is_the_prediction(
    weights: Path, benchmark_folder: Path, face_model: DynamicExpressionModel, passes: int
) -> None:
    """Own points from pose and coefficients are those of the network's vertices, also in a crop that is turned."""
    for result in predict_with(weights, passes=passes)(read_w300(benchmark_folder, "common")):
        stopped = StopAfterStep(face_model)(result, 2).prediction
        assert stopped is not None
        assert result.prediction is not None
        np.testing.assert_allclose(stopped.landmarks_3d, result.prediction.landmarks_3d, atol=0.01)
        np.testing.assert_allclose(stopped.pose.euler_rad, result.prediction.pose.euler_rad, atol=1e-6)
        np.testing.assert_array_equal(stopped.shape, result.prediction.shape)


def test_earlier_steps_are_those_of_a_shorter_network(weights: Path, benchmark_folder: Path) -> None:
    short = weights.with_name("short.safetensors")
    checkpoint = first_steps(load_checkpoint(weights), 1)
    save_checkpoint(short, checkpoint.config, checkpoint.tensors, {})
    looked = 0

    def count() -> None:
        nonlocal looked
        looked += 1

    steps = aflw2000_by_step(benchmark_folder, predict_with(weights, progress=count))
    assert looked == 3
    assert len(steps) == 3
    for found, expected in ((steps[1], short), (steps[2], weights)):
        scores = evaluate_aflw2000(benchmark_folder, predict_with(expected)).scores
        for name in ("NME original, mean of bins", "NME re-annotated, mean of bins", "pose MAE deg"):
            assert found.scores[name] == pytest.approx(scores[name], abs=1e-3)
    assert steps[0].scores["NME original, mean of bins"] != steps[1].scores["NME original, mean of bins"]


def test_a_face_that_was_not_found_stays_so(
    weights: Path, benchmark_folder: Path, face_model: DynamicExpressionModel
) -> None:
    (result, *_) = predict_with(weights)(read_w300(benchmark_folder, "common"))
    lost = replace(result, prediction=None)
    assert StopAfterStep(face_model)(lost, 0) is lost


def test_measures(weights: Path, benchmark_folder: Path, write_set: Any, tmp_path: Path) -> None:
    benchmarks = Benchmarks(benchmark_folder, (str(write_set(tmp_path / "set")),))
    assert benchmarks.count() == 2 + 3 + 10
    curves, milliseconds = measure(benchmarks, predict_with(weights), has_shape=True)
    assert {W300_2D, W300_3D, AFLW2000_MEAN, POSE, POSED, EXPRESSIVE} <= set(curves)
    assert all(len(values) == 3 for values in curves.values())
    assert milliseconds > 0
    assert curves[W300_2D][0] == curves[W300_3D][0]
    assert curves[W300_2D][2] != curves[W300_3D][2]
    assert curves[AFLW2000_MEAN][2] > 1
    alone, _ = measure(Benchmarks(benchmark_folder), predict_with(weights), has_shape=False)
    assert not {W300_2D, POSED} & set(alone)
    assert alone[W300_3D] == curves[W300_3D]


def test_missing_pictures_are_said_beforehand(benchmark_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such manifest"):
        Benchmarks(tmp_path / "none").count()
    with pytest.raises(DataError, match="no shards here"):
        Benchmarks(benchmark_folder, (str(tmp_path / "none"),)).count()
    (benchmark_folder / "faces" / "aflw2000_dev.json").write_text("[]")
    with pytest.raises(DataError, match="the manifest is empty"):
        Benchmarks(benchmark_folder).count()
