from __future__ import annotations

from avatar_bridge.config import REGIONS
from avatar_bridge.regions import COEFFICIENTS, LANDMARKS
from rdr_core.evaluation.face_series import COEFFICIENT_GROUPS
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES


def test_each_coefficient_and_landmark_is_in_one_region() -> None:
    assert sorted(i for where in COEFFICIENTS.values() for i in where) == list(range(46))
    assert sorted(i for where in LANDMARKS.values() for i in where) == list(range(68))
    assert set(COEFFICIENTS) < set(REGIONS)
    assert set(LANDMARKS) == set(REGIONS["landmarks"])


def test_regions_are_those_that_steadiness_is_measured_for() -> None:
    for region, where in COEFFICIENT_GROUPS.items():
        assert set(where.tolist()) <= set(COEFFICIENTS[region])
    rest = {i for where in COEFFICIENTS.values() for i in where} - {i for w in COEFFICIENT_GROUPS.values() for i in w}
    assert {BLENDSHAPE_NAMES[i] for i in rest} == {"NoseWrinkle", "CheekPuff", "CheekUp_L", "CheekUp_R"}
    assert all(i in COEFFICIENTS["mouth"] for i in rest)
