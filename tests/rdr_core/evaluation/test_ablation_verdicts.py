"""Claims of Figure 4 on numbers made by hand."""

from __future__ import annotations

import pytest

from rdr_core.evaluation.ablation import POSED, W300_2D, W300_3D, Result
from rdr_core.evaluation.ablation_verdicts import verdicts

DUAL = Result("dual", "Direct-Dual", {W300_2D: [5.0, 4.0, 3.6], W300_3D: [5.0, 4.5, 4.2], POSED: [3.9, 3.6, 3.5]})
MEAN = Result("mean", "Mean-Dual", {W300_2D: [30.0, 9.0, 4.0], W300_3D: [30.0, 9.5, 5.0]})
POSE_EXP = Result("pose-exp", "Direct-PoseExp", {W300_3D: [5.0, 4.6, 4.4]})
_START = "direct start < mean start at every k"
CLAIMS = {
    "Dual-2D < Dual-3D < PoseExp-3D after step 2": "3.60, 4.20, 4.40",
    f"{_START} (Dual-3D < Mean-3D)": "k=0: 5.00 and 30.00, k=1: 4.50 and 9.50, k=2: 4.20 and 5.00",
    f"{_START} (PoseExp-3D < Mean-3D)": "k=0: 5.00 and 30.00, k=1: 4.60 and 9.50, k=2: 4.40 and 5.00",
    "error falls with k (Dual-2D)": "5.00, 4.00, 3.60",
    "error falls with k (Dual-3D)": "5.00, 4.50, 4.20",
    "3D reconstruction: error after the last step < initial error": "3.50 and 3.90; the paper: 3.04 and 3.33",
}


def changed(result: Result, **curves: list[float]) -> Result:
    """A result with other curves, named by the last word of their measure."""
    named = {"shape": W300_2D, "projected": W300_3D, "posed": POSED}
    return Result(result.name, result.label, result.curves | {named[name]: values for name, values in curves.items()})


def test_all_hold() -> None:
    found = verdicts([DUAL, MEAN, POSE_EXP])
    assert {verdict.claim: verdict.numbers for verdict in found} == CLAIMS
    assert all(verdict.holds for verdict in found)
    assert str(found[3]) == "error falls with k (Dual-2D): yes (5.00, 4.00, 3.60)"


@pytest.mark.parametrize(
    ("results", "wrong"),
    [
        ([changed(DUAL, projected=[5.0, 4.5, 3.5]), MEAN, POSE_EXP], {0}),  # 2D is not better than 3D
        ([DUAL, MEAN, changed(POSE_EXP, projected=[5.0, 4.6, 4.2])], {0}),  # as good without the C-LSTM
        ([DUAL, changed(MEAN, projected=[30.0, 9.5, 4.1]), POSE_EXP], {1, 2}),  # overtakes at the end
        ([DUAL, changed(MEAN, projected=[30.0, 4.6, 5.0]), POSE_EXP], {2}),  # as good at one step
        ([changed(DUAL, shape=[5.0, 3.5, 3.6]), MEAN, POSE_EXP], {3}),  # rises again
        ([changed(DUAL, shape=[5.0, 4.0, float("nan")]), MEAN, POSE_EXP], {0, 3}),
        ([changed(DUAL, posed=[3.5, 3.4, 3.5])], {2}),
    ],
)
def test_one_does_not_hold(results: list[Result], wrong: set[int]) -> None:
    assert {number for number, verdict in enumerate(verdicts(results)) if not verdict.holds} == wrong


def test_errors_are_compared_as_they_are_written() -> None:
    """4.001 after 4.000 is no rise, and no fall either."""
    steady, still = changed(DUAL, shape=[5.0, 4.0, 4.001]), changed(DUAL, shape=[4.001, 4.0, 3.999])
    assert verdicts([steady])[0].holds
    assert not verdicts([still])[0].holds


def test_claims_of_variants_that_were_not_trained_are_left_out() -> None:
    assert verdicts([]) == verdicts([MEAN, POSE_EXP]) == []
    assert [verdict.claim for verdict in verdicts([DUAL])] == list(CLAIMS)[3:]
    assert [verdict.claim for verdict in verdicts([DUAL, MEAN])] == [
        claim for claim in list(CLAIMS)[1:] if "PoseExp" not in claim
    ]
