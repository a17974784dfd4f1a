"""What the parts of the network are worth (Sec. 5.4): errors of variants after each step, and what they say.

k: refinement steps, 0 (the initial face) to K.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from rdr_core.data.aflw2000 import read_aflw2000
from rdr_core.data.sample import FaceSample
from rdr_core.data.w300 import read_w300
from rdr_core.evaluation.protocols.aflw2000 import evaluate_aflw2000
from rdr_core.evaluation.protocols.synth import evaluate_synth, read_rendered
from rdr_core.evaluation.protocols.w300 import evaluate_w300
from rdr_core.evaluation.scores import BIN_COLUMNS, OURS, Evaluation, Predict
from rdr_core.evaluation.tables import Table
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, combine, default_face_model
from rdr_core.geometry.weak_perspective import project
from rdr_core.inference.decode import COMPENSATION
from rdr_core.inference.images import ImageResult
from rdr_core.landmarks import INNER
from rdr_core.types import Float32, Pose

Curves = dict[str, list[float]]
"""Measure -> its value after each step, K + 1 of them."""
W300_2D: Final = "300-W 2D"
"""S on 300-W common, % of the inter-ocular distance; none where S is S_p."""
W300_3D: Final = "300-W 3D"
"""S_p, the same."""
AFLW2000_BINS: Final = tuple(f"AFLW2000-3D {name}" for name in BIN_COLUMNS[:-1])
"""The head's own points on AFLW2000-3D's development part, % of the box, by bins of yaw; the last is their mean."""
AFLW2000_MEAN: Final = AFLW2000_BINS[-1]
REANNOTATED_MEAN: Final = "AFLW2000-3D re-annotated mean"
POSE: Final = "AFLW2000-3D pose deg"
"""Mean absolute error of pitch, yaw and roll."""
POSED: Final = "3D posed"
"""Vertices of rendered people, in place, % of the box (rdr_core/evaluation/reconstruction.py)."""
EXPRESSIVE: Final = "3D expressive"
"""The same, after the best similarity."""


@dataclass(frozen=True)
class Result:
    """One variant, measured."""

    name: str
    label: str
    """In the words of Figure 4, e.g. Direct-Dual."""
    curves: Curves
    facts: dict[str, Any] = field(default_factory=dict)
    """What it is and cost: `parameters`, `ms per face`."""


@dataclass(frozen=True)
class Benchmarks:
    """Pictures that variants are measured on."""

    data: Path
    """Data folder: 300-W common, and AFLW2000-3D's development part."""
    rendered: tuple[str, ...] = ()
    """Shards of rendered people, for the 3D reconstruction; may be none."""

    def count(self) -> int:
        """Return how many pictures there are; DataError where one of the sets is missing or broken."""
        rendered = len(read_rendered(self.rendered)) if self.rendered else 0
        return len(read_w300(self.data, "common")) + len(read_aflw2000(self.data)) + rendered


def measure(benchmarks: Benchmarks, predict: Predict, has_shape: bool) -> tuple[Curves, float]:
    """Measure a network after each of its steps.

    Args:
        benchmarks: the pictures.
        predict: with the reference inference in torch, which knows each step.
        has_shape: False where S is S_p, and only the latter is reported.

    Returns:
        The curves, and the median time of a face, ms.
    """
    w300 = evaluate_w300(benchmarks.data, predict).scores
    curves = {W300_2D: _by_step(w300, "NME S step {}"), W300_3D: _by_step(w300, "NME S_p step {}")}
    if not has_shape:
        del curves[W300_2D]
    steps = [_columns(evaluation) for evaluation in aflw2000_by_step(benchmarks.data, predict)]
    curves |= {name: [step[name] for step in steps] for name in steps[0]}
    if benchmarks.rendered:
        scores = evaluate_synth(benchmarks.rendered, predict).scores
        curves |= {name: _by_step(scores, name + " step {} %") for name in (POSED, EXPRESSIVE)}
    return curves, w300["ms per face (median)"]


def _by_step(scores: dict[str, float], name: str) -> list[float]:
    values: list[float] = []
    while name.format(len(values)) in scores:
        values.append(scores[name.format(len(values))])
    return values


def _columns(evaluation: Evaluation) -> dict[str, float]:
    original, reannotated, pose = (_ours(table) for table in evaluation.tables)
    bins = dict(zip(AFLW2000_BINS, original, strict=False))
    return bins | {REANNOTATED_MEAN: reannotated[BIN_COLUMNS.index("mean")], POSE: pose[-1]}


def _ours(table: Table) -> list[float]:
    row = next(row for row in table.rows if row.name == OURS)
    return [float("nan") if value is None else value for value in row.values]


def aflw2000_by_step(data: Path, predict: Predict, model: DynamicExpressionModel | None = None) -> list[Evaluation]:
    """Evaluate AFLW2000-3D as if the network ended after each step; each picture is looked at once.

    Args:
        data: data folder.
        predict: with the reference inference in torch, which knows each step.
        model: the network's face model; the one that comes with the program by default.
    """
    stop = StopAfterStep(model or default_face_model())
    seen: list[ImageResult] = []

    def look(samples: Sequence[FaceSample]) -> list[ImageResult]:
        seen.extend(predict(samples))
        return seen

    def stopped(k: int) -> Predict:
        return lambda samples: [stop(result, k) for result in seen]

    last = evaluate_aflw2000(data, look)
    steps = max(len(result.step_poses) for result in seen) - 1
    return [*(evaluate_aflw2000(data, stopped(k)) for k in range(steps)), last]


class StopAfterStep:
    """What a network would have said, had it ended after step k: a prefix of K gives the same states (Algorithm 1)."""

    def __init__(self, model: DynamicExpressionModel) -> None:
        self._own = model.tensor.rows(model.topology.own)

    def __call__(self, result: ImageResult, k: int) -> ImageResult:
        """Return the result with the pose, expression and points of step k; one without a face as it is."""
        face = result.prediction
        if face is None or result.step_alpha_exp is None or result.step_shapes is None or result.step_projected is None:
            return result
        pose, alpha_exp = result.step_poses[k], result.step_alpha_exp[k]
        own = self.landmarks_3d(face.alpha_id, alpha_exp, pose)
        own[INNER, :2] += COMPENSATION * (result.step_shapes[k] - result.step_projected[k])[INNER]
        stopped = replace(
            face,
            shape=result.step_shapes[k],
            projected_shape=result.step_projected[k],
            landmarks_3d=own,
            pose=pose,
            alpha_exp=alpha_exp,
        )
        return replace(result, prediction=stopped)

    def landmarks_3d(self, alpha_id: Float32, alpha_exp: Float32, pose: Pose) -> Float32:
        """Own points of the head (68, 3), image px, of coefficients (I,) and (E,): the 3D face alone."""
        points = combine(*self._own.contract_identity(alpha_id), alpha_exp).astype(np.float64)
        scale = np.float64(pose.scale_px_per_cm)
        return project(points, pose.euler_rad, pose.translation_px, scale).astype(np.float32)
