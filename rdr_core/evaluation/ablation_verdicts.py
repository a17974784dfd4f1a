"""What Figure 4 claims, and whether the numbers bear it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from rdr_core.evaluation.ablation import POSED, W300_2D, W300_3D, Result
from rdr_core.modeling.variants import WHOLE

_LABELS: Final = {WHOLE: "Dual-3D", "pose-exp": "PoseExp-3D"}
DIGITS: Final = 2
"""Errors are compared as they are written."""


@dataclass(frozen=True)
class Verdict:
    """A claim of the paper."""

    claim: str
    holds: bool
    numbers: str
    """That say so, %."""

    def __str__(self) -> str:
        return f"{self.claim}: {'yes' if self.holds else 'no'} ({self.numbers})"


def verdicts(results: Sequence[Result]) -> list[Verdict]:
    """Judge the claims whose variants are among the results: Sec. 5.4, on 300-W common."""
    by_name = {result.name: result.curves for result in results}
    found: list[Verdict] = []
    if WHOLE not in by_name:
        return found
    whole = by_name[WHOLE]
    if "pose-exp" in by_name:
        found.append(_order(whole[W300_2D], whole[W300_3D], by_name["pose-exp"][W300_3D]))
    if "mean" in by_name:
        direct = {name: by_name[name][W300_3D] for name in (WHOLE, "pose-exp") if name in by_name}
        found += [_below(_LABELS[name], curve, by_name["mean"][W300_3D]) for name, curve in direct.items()]
    found += [_falls(f"Dual-{name}", whole[key]) for name, key in (("2D", W300_2D), ("3D", W300_3D))]
    if POSED in whole:
        first, last = whole[POSED][0], whole[POSED][-1]
        claim = "3D reconstruction: error after the last step < initial error"
        found.append(Verdict(claim, _less(last, first), f"{last:.2f} and {first:.2f}; the paper: 3.04 and 3.33"))
    return found


def _less(a: float, b: float) -> bool:
    return round(a, DIGITS) < round(b, DIGITS)


def _order(dual_2d: list[float], dual_3d: list[float], pose_exp_3d: list[float]) -> Verdict:
    a, b, c = dual_2d[-1], dual_3d[-1], pose_exp_3d[-1]
    return Verdict(
        f"Dual-2D < Dual-3D < PoseExp-3D after step {len(dual_2d) - 1}",
        _less(a, b) and _less(b, c),
        f"{a:.2f}, {b:.2f}, {c:.2f}",
    )


def _below(name: str, direct: list[float], mean: list[float]) -> Verdict:
    pairs = list(zip(direct, mean, strict=True))
    numbers = ", ".join(f"k={k}: {a:.2f} and {b:.2f}" for k, (a, b) in enumerate(pairs))
    claim = f"direct start < mean start at every k ({name} < Mean-3D)"
    return Verdict(claim, all(_less(a, b) for a, b in pairs), numbers)


def _falls(name: str, errors: list[float]) -> Verdict:
    """No step makes it larger, and the last one leaves it smaller than it was."""
    steps = all(not _less(before, after) for before, after in pairwise(errors))
    numbers = ", ".join(f"{error:.2f}" for error in errors)
    return Verdict(f"error falls with k ({name})", steps and _less(errors[-1], errors[0]), numbers)
