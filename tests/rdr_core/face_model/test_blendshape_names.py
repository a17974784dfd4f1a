"""The 46 names: FaceWarehouse's order, left and right."""

from __future__ import annotations

import numpy as np

from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES, MIRROR_EXPRESSION, N_EXPRESSIONS, mirror_name


def test_46_different_names() -> None:
    assert N_EXPRESSIONS == 46
    assert len(set(BLENDSHAPE_NAMES)) == 46


def test_order_is_facewarehouses() -> None:
    """FaceWarehouse counts the neutral as 0: JawOpen is its 22, MouthSmile 28 and 29, CheekUp 45 and 46."""
    numbers = {1: "EyeClose_L", 17: "BrowInnerUp", 22: "JawOpen", 28: "MouthSmile_L", 44: "CheekPuff", 46: "CheekUp_R"}
    assert {number: BLENDSHAPE_NAMES[number - 1] for number in numbers} == numbers


def test_mirror_pairs_left_and_right() -> None:
    np.testing.assert_array_equal(MIRROR_EXPRESSION[MIRROR_EXPRESSION], np.arange(46))
    for name, other in zip(BLENDSHAPE_NAMES, MIRROR_EXPRESSION, strict=True):
        mirrored = BLENDSHAPE_NAMES[other]
        assert mirror_name(mirrored) == name
        assert (mirrored == name) == (not name.endswith(("_L", "_R", "Left", "Right")))
