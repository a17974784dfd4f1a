"""The prior over expressions: every shape often enough, nothing that a face cannot do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES, MIRROR_EXPRESSION
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.landmarks import EYE_LEFT
from rdr_core.synthesis.expressions import BROWS, EMOTIONS, GIVES_WAY, KINDS, LIDS, VISEMES, sample_expression
from rdr_core.types import Float32

INDEX = {name: k for k, name in enumerate(BLENDSHAPE_NAMES)}


@pytest.fixture(scope="module")
def faces() -> Float32:
    rng = np.random.default_rng(0)
    return np.stack([sample_expression(rng) for _ in range(8000)])


def column(faces: Float32, name: str) -> Float32:
    return faces[:, INDEX[name]]


@given(st.integers(0, 2**32 - 1))
def test_coefficients_are_46_in_range_and_repeatable(seed: int) -> None:
    face = sample_expression(np.random.default_rng(seed))
    assert face.shape == (46,)
    assert face.dtype == np.float32
    assert face.min() >= 0
    assert face.max() <= 1
    np.testing.assert_array_equal(face, sample_expression(np.random.default_rng(seed)))


def test_every_shape_is_seen_often(faces: Float32) -> None:
    share = dict(zip(BLENDSHAPE_NAMES, (faces > 0.3).mean(axis=0), strict=True))
    assert min(share.values()) >= 0.02, min(share, key=lambda name: share[name])


def test_every_shape_goes_all_the_way_sometimes(faces: Float32) -> None:
    assert np.quantile(faces, 0.9995, axis=0).min() > 0.85


def test_no_side_is_preferred(faces: Float32) -> None:
    mean = faces.mean(axis=0)
    np.testing.assert_allclose(mean, mean[MIRROR_EXPRESSION], atol=0.012)


def test_a_third_is_calm(faces: Float32) -> None:
    eyes = [k for k, name in enumerate(BLENDSHAPE_NAMES) if name.startswith(("EyeLook", "EyeClose"))]
    strongest = np.delete(faces, eyes, axis=1).max(axis=1)
    assert 0.2 < (strongest < 0.2).mean() < 0.4
    assert (strongest > 0.6).mean() > 0.35


def test_eyes_close(faces: Float32) -> None:
    left, right = column(faces, "EyeClose_L"), column(faces, "EyeClose_R")
    assert 0.14 < (np.maximum(left, right) > 0.35).mean() < 0.24
    assert 0.06 < (np.minimum(left, right) > 0.95).mean() < 0.13
    assert 0.015 < (np.abs(left - right) > 0.4).mean() < 0.06


def test_eyes_look_the_same_way(faces: Float32) -> None:
    left = column(faces, "EyeLookOut_L") - column(faces, "EyeLookIn_L")
    right = column(faces, "EyeLookIn_R") - column(faces, "EyeLookOut_R")
    assert np.corrcoef(left, right)[0, 1] > 0.8
    assert (left - right).mean() < -0.01  # a near point turns both inward
    up = [column(faces, f"EyeLookUp_{side}") - column(faces, f"EyeLookDown_{side}") for side in "LR"]
    assert np.corrcoef(*up)[0, 1] > 0.98
    down = np.minimum(column(faces, "EyeLookDown_L"), column(faces, "EyeLookDown_R")) > 0.7
    straight = np.abs(up[0]) < 0.1
    assert np.median(column(faces, "EyeClose_L")[down]) > np.median(column(faces, "EyeClose_L")[straight]) + 0.1


@pytest.mark.parametrize("side", ["L", "R"])
@pytest.mark.parametrize(("one", "other"), [("Up", "Down"), ("In", "Out")])
def test_an_eye_looks_one_way(faces: Float32, side: str, one: str, other: str) -> None:
    both = np.minimum(column(faces, f"EyeLook{one}_{side}"), column(faces, f"EyeLook{other}_{side}"))
    assert both.max() == 0


def both_sides(name: str) -> list[str]:
    return [name] if name in INDEX else [f"{name}_L", f"{name}_R"]


@pytest.mark.parametrize(("strong", "weak", "share"), GIVES_WAY)
def test_what_does_not_go_together_does_not(faces: Float32, strong: str, weak: str, share: float) -> None:
    """x and 1 - share x are never both over 1 / (1 + share)."""
    for one, other in zip(*_aligned(both_sides(strong), both_sides(weak)), strict=True):
        assert np.minimum(column(faces, one), column(faces, other)).max() < 1 / (1 + share) + 0.01


def _aligned(first: list[str], second: list[str]) -> tuple[list[str], list[str]]:
    count = max(len(first), len(second))
    return first * (count // len(first)), second * (count // len(second))


def test_the_impossible_is_excluded(faces: Float32) -> None:
    assert np.minimum(column(faces, "EyeClose_L"), column(faces, "EyeWide_L")).max() < 0.35
    assert np.minimum(column(faces, "JawOpen"), column(faces, "MouthPress_R")).max() < 0.35
    assert np.minimum(column(faces, "JawLeft"), column(faces, "JawRight")).max() < 0.35


def test_what_goes_together_does(faces: Float32) -> None:
    smiling = np.minimum(column(faces, "MouthSmile_L"), column(faces, "MouthSmile_R")) > 0.6
    assert column(faces, "CheekUp_L")[smiling].mean() > 4 * column(faces, "CheekUp_L")[~smiling].mean()
    assert np.corrcoef(column(faces, "BrowOuterUp_L"), column(faces, "BrowInnerUp"))[0, 1] > 0.4
    asymmetric = np.abs(column(faces, "MouthSmile_L") - column(faces, "MouthSmile_R")) > 0.3
    assert 0.01 < asymmetric.mean() < 0.1


def test_lids_do_not_pass_each_other(faces: Float32, face_model: DynamicExpressionModel) -> None:
    neutral, offsets = face_model.landmark_tensor.contract_identity(face_model.identity_mean)
    own = face_model.topology.landmarks_in_subset[EYE_LEFT]
    lids = neutral[own] + np.einsum("fe,enx->fnx", faces, offsets[:, own])
    gap_cm = (lids[:, [1, 2], 1] - lids[:, [5, 4], 1]).mean(axis=1)
    closed = neutral[own] + offsets[INDEX["EyeClose_L"], own]
    least_cm = (closed[[1, 2], 1] - closed[[5, 4], 1]).mean()
    assert gap_cm.min() > least_cm - 0.2  # a wrinkled nose and a smile squeeze a little more
    assert gap_cm.max() > 1.1


def test_tables_name_shapes_that_exist() -> None:
    tables = [*EMOTIONS.values(), *VISEMES.values(), *BROWS.values(), *(shapes for _, shapes in LIDS.values())]
    known = set(INDEX) | {name.rsplit("_", 1)[0] for name in INDEX} | {"JawAside", "MouthAside"}
    known |= {f"{name.rsplit('_', 1)[0]}_{side}" for name in INDEX if name.endswith("_L") for side in "AB"}
    named = {name for shapes in tables for name in shapes} | {name for pair in GIVES_WAY for name in pair[:2]}
    assert named <= known
    assert all(0 <= low < high for shapes in tables for low, high in shapes.values())
    assert sum(KINDS.values()) == pytest.approx(1)
