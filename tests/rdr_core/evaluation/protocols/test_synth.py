"""Rendered people: an oracle that knows the labels errs by known amounts; fitted labels are refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rdr_core.data.label import FaceLabel
from rdr_core.data.sample import FaceSample
from rdr_core.data.shard import Member
from rdr_core.data.shards import write_shards
from rdr_core.errors import DataError, NoFaceError
from rdr_core.evaluation.nme import box_size
from rdr_core.evaluation.protocols.synth import RenderedFace, evaluate_synth, read_rendered
from rdr_core.evaluation.scores import Evaluation
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.inference.images import ImageResult
from rdr_core.types import FacePrediction, Pose

WriteLabels = Callable[..., str]


@pytest.fixture
def shards(tmp_path: Path, members: list[Member]) -> WriteLabels:
    """Return a function that writes the drawn faces, their labels changed, and returns the folder.

    Faces 0 to 4 are one person, 6 to 10 another; 5 and 11 are no faces.
    """

    def write(**changes: Any) -> str:
        people = [members[0][2], members[6][2]]
        changed = []
        for number, (key, jpeg, label) in enumerate(members):
            person = people[number // 6]
            if label is not None and person is not None:
                label = replace(label, alpha_id=person.alpha_id, **changes)
            changed.append((key, jpeg, label))
        facts = {"generator": "a test", "config": {}, "seed": 0, "licence": "open", "sources": []}
        write_shards(tmp_path / "set", "drawn", Halves(changed), 2, **facts)
        return str(tmp_path / "set")

    return write


class Halves:
    """Six samples a shard."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members

    def __call__(self, shard: int) -> Any:
        return iter(self.members[6 * shard : 6 * shard + 6])


def oracle(model: DynamicExpressionModel, share: float, turn_deg: float, torch: bool) -> Any:
    """Predict with landmarks off by `share` of the box, a yaw off by `turn_deg`, twice as much at step 0; expressions
    are halved, and an identity is off by its spread to one side or the other."""

    def of(sample: FaceSample, number: int) -> ImageResult:
        assert isinstance(sample, RenderedFace)
        label = sample.label
        assert label is not None
        assert sample.read_image().shape == (128, 128, 3)
        shift = np.array([share * float(box_size(label.shape[None])[0]), 0], np.float32)
        steps = np.stack([label.shape + 2 * shift, label.shape + shift])
        poses = tuple(pose_of(label, turn_deg * factor) for factor in (2, 1))
        own = label.landmarks_3d + [*shift, 0]
        alpha_exp = label.alpha_exp / 2
        alpha_id = label.alpha_id + (model.identity_std if number % 2 else -model.identity_std)
        face = FacePrediction(steps[-1], steps[-1], own, poses[-1], alpha_exp, alpha_id, 1.0)
        states = (poses, np.stack([alpha_exp, alpha_exp])) if torch else ()
        return ImageResult(sample, face, steps, steps, 4.0, *states)

    return lambda samples: [of(sample, number) for number, sample in enumerate(samples)]


def pose_of(label: FaceLabel, turn_deg: float) -> Pose:
    euler = label.euler_rad + np.radians([0, turn_deg, 0], dtype=np.float32)
    return Pose(euler.astype(np.float32), label.translation_px, label.scale_px_per_cm)


@pytest.fixture
def found(shards: WriteLabels, face_model: DynamicExpressionModel) -> Evaluation:
    return evaluate_synth([shards()], oracle(face_model, 0.02, 3.0, torch=True))


def test_landmarks(found: Evaluation) -> None:
    assert found.scores["faces"] == 10
    assert found.scores["NME S step 0"] == pytest.approx(4, abs=1e-3)
    assert found.scores["NME S step 1"] == found.scores["NME S_p step 1"] == pytest.approx(2, abs=1e-3)
    assert found.scores["NME own points, mean of bins"] == pytest.approx(2, abs=1e-3)
    np.testing.assert_allclose(found.errors, 0.02, atol=1e-5)
    assert found.names[0] == "drawn-000000/face-000"


def test_pose(found: Evaluation) -> None:
    assert found.scores["yaw MAE deg"] == pytest.approx(3, abs=1e-2)
    assert found.scores["pitch MAE deg"] == pytest.approx(0, abs=1e-2)
    assert found.scores["rotation error deg"] == pytest.approx(3, abs=1e-2)  # yaw is the outermost turn
    np.testing.assert_allclose(found.columns["rotation_error_deg"], 3, atol=1e-2)


def test_expressions(found: Evaluation) -> None:
    (table,) = found.details
    assert len(table.rows) == 46
    for row in table.rows:
        error, agreement, mean, _ = row.values
        assert error == pytest.approx((mean or 0) / 2, abs=1e-5)
        assert agreement is None or agreement == pytest.approx(1, abs=1e-4)
    assert found.scores["alpha_exp mean correlation"] == pytest.approx(1, abs=1e-4)


def test_identity(found: Evaluation) -> None:
    """Pictures of a person are one spread to either side, two and three of five: the people are as far as they are."""
    assert found.scores["people"] == 2
    assert found.scores["alpha_id spread within a person"] == pytest.approx(np.sqrt(1.2), rel=1e-3)
    ratio = found.scores["alpha_id spread within a person"] / found.scores["alpha_id spread between people"]
    assert found.scores["alpha_id within / between"] == pytest.approx(ratio)


def test_3d_after_each_step(found: Evaluation) -> None:
    """A yaw that is off less is posed better; what is aligned first does not see it."""
    scores = found.scores
    assert scores["3D posed step 0 %"] > scores["3D posed step 1 %"] + 0.3
    assert scores["3D expressive step 0 %"] == pytest.approx(scores["3D expressive step 1 %"])
    assert 0.5 < scores["3D neutral step 1 %"] < 6
    steps, published, _ = found.tables
    assert [row.name for row in steps.rows] == ["step 0", "step 1"]
    assert published.rows[0].values == (3.33, 3.04)
    posed = [row.values for row in published.rows if row.name.endswith("posed")]
    assert posed == [(pytest.approx(scores["3D posed step 0 %"]), pytest.approx(scores["3D posed step 1 %"]))]


def test_a_perfect_answer_has_no_error(shards: WriteLabels, face_model: DynamicExpressionModel) -> None:
    def perfect(samples: Sequence[FaceSample]) -> list[ImageResult]:
        results = []
        for sample in samples:
            assert isinstance(sample, RenderedFace)
            label = sample.label
            assert label is not None
            steps, pose = label.shape[None], pose_of(label, 0)
            face = FacePrediction(
                label.shape, label.shape, label.landmarks_3d, pose, label.alpha_exp, label.alpha_id, 1.0
            )
            results.append(ImageResult(sample, face, steps, steps, 4.0))
        return results

    scores = evaluate_synth([shards()], perfect).scores
    for name in ("NME S step 0", "3D posed last step %", "3D expressive last step %", "3D neutral last step %"):
        assert scores[name] == pytest.approx(0, abs=1e-3)
    assert scores["alpha_id spread within a person"] == pytest.approx(0, abs=1e-4)


def test_only_the_last_state_is_known_without_torch(shards: WriteLabels, face_model: DynamicExpressionModel) -> None:
    found = evaluate_synth([shards()], oracle(face_model, 0.02, 3.0, torch=False))
    assert "3D posed last step %" in found.scores
    steps, published, _ = found.tables
    assert steps.rows[0].values[2:] == (None, None, None)
    assert None not in steps.rows[1].values
    assert "--weights FILE.safetensors" in published.note


def test_faces_that_were_not_found_count(shards: WriteLabels, face_model: DynamicExpressionModel) -> None:
    knows = oracle(face_model, 0.02, 3.0, torch=True)

    def half_blind(samples: Sequence[FaceSample]) -> list[ImageResult]:
        answers = knows(samples)
        return [a if k % 2 else ImageResult(a.sample, None, None, None, 0.0) for k, a in enumerate(answers)]

    found = evaluate_synth([shards()], half_blind)
    assert found.scores["found %"] == 50
    assert found.scores["NME S step 1"] == pytest.approx(51, abs=0.01)
    assert found.scores["3D neutral step 1 %"] > 50
    assert np.isfinite(found.scores["rotation error deg"])
    with pytest.raises(NoFaceError, match="no face was found in any of the 10 pictures"):
        evaluate_synth([shards()], lambda faces: [ImageResult(s, None, None, None, 0.0) for s in faces])


def test_what_cannot_be_evaluated(shards: WriteLabels, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="its label was fitted, not known: give shards made by rdr synth"):
        read_rendered([shards(fitted=True)])
    with pytest.raises(DataError, match="no shards here"):
        read_rendered([str(tmp_path)])
