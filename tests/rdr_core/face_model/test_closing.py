"""Lids and lips of the default face model meet, on every identity."""

from __future__ import annotations

import numpy as np
import pytest

from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.closing import Closing
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_lids_and_lips_meet_on_every_identity(face_model: DynamicExpressionModel, seed: int) -> None:
    landmarks = face_model.topology.landmarks
    noise = np.random.default_rng(seed).standard_normal(face_model.n_identity) * (seed > 0)
    neutral, offsets = face_model.blendshapes(
        (face_model.identity_mean + face_model.identity_std * noise).astype(np.float32)
    )
    for side, upper, lower in (("R", [37, 38], [41, 40]), ("L", [43, 44], [47, 46])):
        shut = neutral + offsets[BLENDSHAPE_NAMES.index(f"EyeClose_{side}")]
        gap = shut[landmarks[upper], 1] - shut[landmarks[lower], 1]
        assert (gap <= 0.06).all(), f"{side}: lids {gap} cm apart"
        assert (gap > -0.5).all()
    lips = neutral[landmarks[[61, 62, 63]], 1] - neutral[landmarks[[67, 66, 65]], 1]
    assert abs(lips.mean()) < 0.03


def open_face(face_model: DynamicExpressionModel, lids_cm: float, lips_cm: float) -> tuple[np.ndarray, np.ndarray]:
    """Return neutral and offsets whose shut lids and resting lips stand apart by so much."""
    neutral, offsets = (array.copy() for array in face_model.blendshapes())
    landmarks = face_model.topology.landmarks
    for side, upper in (("R", [37, 38]), ("L", [43, 44])):
        offsets[BLENDSHAPE_NAMES.index(f"EyeClose_{side}"), landmarks[upper], 1] += lids_cm
    neutral[landmarks[[61, 62, 63]], 1] += lips_cm
    return neutral, offsets


def test_closing_shuts_what_stands_open(face_model: DynamicExpressionModel) -> None:
    neutral, offsets = open_face(face_model, 0.2, 0.1)
    landmarks = face_model.topology.landmarks
    closed, closing = Closing.of(neutral, offsets, landmarks).apply(neutral, offsets)
    for side, upper, lower in (("R", [37, 38], [41, 40]), ("L", [43, 44], [47, 46])):
        shut = neutral + closing[BLENDSHAPE_NAMES.index(f"EyeClose_{side}")]
        assert (shut[landmarks[upper], 1] - shut[landmarks[lower], 1] <= 0.01).all()
    lips = closed[landmarks[[61, 62, 63]], 1] - closed[landmarks[[67, 66, 65]], 1]
    assert abs(lips.mean()) < 1e-3
    jaw = BLENDSHAPE_NAMES.index("JawOpen")
    np.testing.assert_array_equal(closing[jaw], offsets[jaw])


def test_faces_that_cannot_be_closed_are_left_alone(face_model: DynamicExpressionModel) -> None:
    neutral, offsets = face_model.blendshapes()
    still = Closing.of(neutral, np.zeros_like(offsets), face_model.topology.landmarks)
    assert still.jaw == 0
    np.testing.assert_array_equal(still.gains, 1)
