"""Real training, on rendered frames of one person."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.adapt import fine_tune
from rdr_core.data.label import FaceLabel
from rdr_core.inference.weights import find_network
from rdr_core.training.fine_tune import FineTuneConfig
from rdr_core.types import UInt8

Pictures = list[tuple[UInt8, FaceLabel]]
WEIGHTS = find_network("live").with_suffix(".safetensors")


@pytest.fixture(scope="module")
def rendered(rdr_data: Path) -> tuple[Pictures, Pictures]:
    """Of one person, and of several others."""
    from rdr_core.synthesis.scene import SceneConfig, Studio

    found: list[Pictures] = []
    for per_person, count in ((1000, 72), (1, 24)):
        with Studio(
            rdr_data / "face_model", SceneConfig(160, per_person=per_person, no_face=0), seed=per_person + 7
        ) as studio:
            shots = [studio.shoot(number) for number in range(count)]
        found.append([(np.ascontiguousarray(rgb[..., ::-1]), label) for rgb, label in shots if label is not None])
    return found[0], found[1]


QUICK = FineTuneConfig(steps=60, every=15, views=3, replay_views=2, batch_size=16, test_views=2)


@pytest.mark.timeout(240)
def test_it_gets_better_at_the_person_and_does_not_forget_others(
    rendered: tuple[Pictures, Pictures], tmp_path: Path
) -> None:
    person, others = rendered
    tuning, report = fine_tune(WEIGHTS, person[:-20], person[-20:], others, QUICK)
    assert report.better
    assert report.user_after < 0.97 * report.user_before
    assert report.replay_after <= 1.05 * report.replay_before

    from rdr_core.inference.export import export
    from rdr_core.inference.onnx_runtime import OnnxPredictor

    tuning.save(tmp_path / "best.safetensors", WEIGHTS, {"licence": "research-only"})
    _, graph = export(tmp_path / "best.safetensors", tmp_path / "anna")
    assert OnnxPredictor(graph).crop_size == 128


@pytest.mark.timeout(240)
def test_garbage_changes_nothing(rendered: tuple[Pictures, Pictures]) -> None:
    person, others = rendered
    labels = [label for _, label in person[:-20]]
    wrong = [(image, replace(label, shape=label.shape[::-1].copy())) for (image, _), label in
             zip(person[:-20], labels[7:] + labels[:7], strict=True)]  # fmt: skip
    tuning, report = fine_tune(WEIGHTS, wrong, person[-20:], others, QUICK)
    assert not report.better
    assert tuning.best is None
    assert report.user_after == report.user_before


def test_without_torch_it_says_so() -> None:
    program = (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'torch' else find(name, *a)\n"
        "from calibration.adapt import need_torch\n"
        "try:\n    need_torch()\nexcept Exception as error:\n    print(type(error).__name__, error)\n"
        "import sys; print('torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "AdaptationError" in said
    assert "needs torch: install the extra `train`" in said
    assert said.strip().endswith("False")
