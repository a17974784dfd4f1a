"""AFLW-PIFA: 34 points, of which only the visible ones count. The data is the user's.

The order of the 34 points is published in no form that was at hand. It is not assumed but found: `recover_groups`
says which of our landmarks each point lies nearest to on training faces, and the report names them. No test face has a
say in it. A point that is near no landmark is an error, so that a wrong order cannot pass for a bad network. Where two
of our landmarks are close, the wrong one of them may be taken: the number is then too good by a part of their distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from rdr_core.data.datasets import read_dataset
from rdr_core.data.sample import FaceSample
from rdr_core.errors import DataError
from rdr_core.evaluation.nme import nme
from rdr_core.evaluation.point_schemes import Groups, describe, recover_groups, to_scheme
from rdr_core.evaluation.published import PIFA
from rdr_core.evaluation.scores import (
    OURS,
    Evaluation,
    Predict,
    found,
    names_of,
    percent,
    picture_columns,
    rates,
    shape_of,
)
from rdr_core.evaluation.tables import Row, Table
from rdr_core.types import Float32

_LEARN_FROM: Final = 200
"""Training faces that say what the points are."""


def evaluate_pifa(folder: Path, predict: Predict) -> Evaluation:
    """Test faces of a published folder: 34 points of S over sqrt(w h) of the set's own box."""
    samples = [replace(s, box_xyxy=s.face_box_xyxy) for s in read_dataset("aflw-pifa", folder).samples]
    training = [s for s in samples if s.name.startswith("TrainImages")]
    test = [s for s in samples if s.name.startswith("TestImages")]
    if not training or not test:
        raise DataError(f"{folder}: AFLW-PIFA needs training and test faces, got {len(training)} and {len(test)}")
    chosen = training[:: max(1, len(training) // _LEARN_FROM)]
    groups = _learn(folder, chosen, predict)
    results = predict(test)
    truth, visible, size = _arrays(test)
    predicted = to_scheme(shape_of(results), groups)
    errors = nme(predicted, truth, size, visible)
    return Evaluation(
        "AFLW-PIFA (box)",
        {"NME": percent(errors)} | rates(errors) | found(results),
        names_of(results),
        errors,
        picture_columns(results),
        tables=(_table(errors, groups, len(chosen)),),
    )


def _learn(folder: Path, samples: Sequence[FaceSample], predict: Predict) -> Groups:
    shapes = shape_of(predict(samples))
    truth, visible, size = _arrays(samples)
    try:
        return recover_groups(truth, visible, shapes, size)
    except DataError as error:
        raise DataError(f"{folder}: {error}") from error


def _arrays(samples: Sequence[FaceSample]) -> tuple[Float32, np.ndarray, Float32]:
    """Points (M, 34, 2), which are visible (M, 34), and sqrt(w h) of the boxes (M,)."""
    sets = [s.other for s in samples if s.other is not None]
    box = np.stack([s.face_box_xyxy for s in samples if s.face_box_xyxy is not None])
    visible = np.stack([s.visible for s in sets if s.visible is not None])
    return np.stack([s.points for s in sets]), visible, np.sqrt((box[:, 2:] - box[:, :2]).prod(axis=1))


def _table(errors: Float32, groups: Groups, learned_from: int) -> Table:
    note = (
        f"{PIFA.note} This network's points are these of the 68, counted from 1 and found on {learned_from} training "
        f"faces: {describe(groups)}."
    )
    return replace(PIFA, note=note).with_rows([Row(OURS, (percent(errors),), f"{len(errors)} faces")])
