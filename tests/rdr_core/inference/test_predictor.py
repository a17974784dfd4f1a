"""Inference in torch: outputs in order, bfloat16, and on a GPU where there is one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rdr_core.errors import ConfigError
from rdr_core.inference.decode import OUTPUTS, STEP_OUTPUTS
from rdr_core.inference.precision import made_up_picture, weights_of
from rdr_core.inference.predictor import RDRPredictor
from rdr_core.inference.weights import load_predictor

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


@pytest.fixture
def weights(shipped_network: Path) -> Path:
    return weights_of(shipped_network)


def pictures(count: int) -> np.ndarray:
    rng = np.random.default_rng(count)
    noise = rng.integers(0, 40, (count, 128, 128, 3))
    return np.clip(made_up_picture(128).astype(int) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("count", [1, 3])
def test_every_output_has_its_name_and_shape(weights: Path, count: int) -> None:
    predictor, pixels = RDRPredictor(weights), pictures(count)
    outputs = predictor.run(pixels)
    assert list(outputs) == [*OUTPUTS, *STEP_OUTPUTS]
    shapes = {name: values.shape for name, values in outputs.items()}
    assert shapes["shapes"] == shapes["projected_shapes"] == (count, 3, 68, 2)
    assert (shapes["landmarks_3d"], shapes["pose"], shapes["confidence"]) == ((count, 68, 3), (count, 7), (count,))
    assert (shapes["step_pose"], shapes["step_alpha_exp"]) == ((count, 3, 7), (count, 3, 46))
    np.testing.assert_array_equal(outputs["step_alpha_exp"][:, -1], outputs["alpha_exp"])
    np.testing.assert_array_equal(outputs["step_pose"][:, -1], outputs["pose"])


def test_bfloat16_says_nearly_the_same(weights: Path) -> None:
    """Within half a pixel of the crop: 8 bits of each number are left."""
    pixels = pictures(2)
    floats, small = RDRPredictor(weights), RDRPredictor(weights, bf16=True)
    assert (floats.precision, small.precision) == ("float", "bf16")
    apart = np.abs(floats.run(pixels)["shapes"] - small.run(pixels)["shapes"]) * 128
    assert 0 < apart.max() < 0.5


def test_no_such_device(shipped_network: Path) -> None:
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="device cuda was asked for, but torch sees no CUDA device: use cpu"):
            load_predictor(device="cuda")


@GPU
@pytest.mark.parametrize("count", [1, 3])
def test_a_gpu_says_what_a_processor_says(shipped_network: Path, count: int) -> None:
    """Recorded once, and replayed with other pictures."""
    on_gpu, on_cpu = load_predictor(device="cuda"), RDRPredictor(weights_of(shipped_network))
    for number in range(3):
        pixels = np.roll(pictures(count), 3 * number, axis=1)
        ours, theirs = on_gpu.run(pixels), on_cpu.run(pixels)
        assert np.abs(ours["shapes"] - theirs["shapes"]).max() * 128 < 0.5
