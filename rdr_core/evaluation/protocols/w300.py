"""300-W: jaw on the visible contour, so it is S that is measured."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from rdr_core.data.datasets import read_dataset
from rdr_core.data.sample import FaceSample
from rdr_core.data.w300 import read_w300
from rdr_core.errors import DataError
from rdr_core.evaluation.nme import inter_ocular, inter_pupil, nme
from rdr_core.evaluation.published import W300_COLUMNS, W300_OCULAR, W300_PUPIL
from rdr_core.evaluation.scores import (
    OURS,
    Evaluation,
    Predict,
    column,
    found,
    names_of,
    percent,
    picture_columns,
    rates,
)
from rdr_core.evaluation.tables import Row, Table
from rdr_core.types import Float32

logger = logging.getLogger(__name__)

TEST_FACES: Final = {"LFPW": 224, "Helen": 330, "iBUG": 135}
"""How many faces of each collection are for testing."""
_CHALLENGING: Final = "iBUG"


def evaluate_w300(folder: Path, predict: Predict, published: bool = False) -> Evaluation:
    """Test faces of 300-W by both normalisers, S and S_p after each step.

    The data folder has the common subset of 554; a user's own folder is split by the names of its folders into common
    (lfpw/testset, helen/testset), challenging (ibug) and full, which is both.
    """
    samples, origins = read_test_faces(folder) if published else _read_common(folder)
    results = predict(samples)
    truth = np.stack([s.shape for s in samples if s.shape is not None])
    steps, projected = column(results, lambda r: r.step_shapes), column(results, lambda r: r.step_projected)
    sizes = {"inter-ocular": inter_ocular(truth), "inter-pupil": inter_pupil(truth)}
    errors = {
        (by, what): np.stack([nme(shapes[:, k], truth, size) for k in range(shapes.shape[1])])
        for by, size in sizes.items()
        for what, shapes in (("S", steps), ("S_p", projected))
    }  # (K + 1, M) each
    main = errors["inter-ocular", "S"][-1]
    subsets = _subsets(origins)
    return Evaluation(
        f"300-W {list(subsets)[-1]} (inter-ocular)",
        _scores(errors, origins, subsets) | rates(main) | found(results),
        names_of(results),
        main,
        picture_columns(results) | _columns(errors),
        _curves(errors),
        tuple(_tables(errors, subsets)),
    )


Errors = dict[tuple[str, str], Float32]


def _read_common(data: Path) -> tuple[list[FaceSample], list[str]]:
    samples = read_w300(data, "common")
    return samples, ["LFPW" if s.image_path.name.startswith("LFPW") else "Helen" for s in samples]


def read_test_faces(folder: Path) -> tuple[list[FaceSample], list[str]]:
    """Read the faces of a published 300-W folder that are for testing, and the collection of each.

    Raises:
        DataError: there are none; a picture or an annotation is broken.
    """
    pairs = [(s, origin_of(s.image_path.absolute())) for s in read_dataset("300w", folder).samples]
    chosen = [(sample, origin) for sample, origin in pairs if origin is not None]
    if not chosen:
        raise DataError(f"{folder}: none of 300-W's test faces; they lie in lfpw/testset, helen/testset and ibug")
    origins = [origin for _, origin in chosen]
    for origin, expected in TEST_FACES.items():
        if origins.count(origin) not in (0, expected):
            logger.warning("%s: %d of %s's %d test faces", folder, origins.count(origin), origin, expected)
    return [sample for sample, _ in chosen], origins


def origin_of(picture: Path) -> str | None:
    """Say which collection a picture is a test face of, by its folders; None where it is for training or another."""
    above = [part.lower() for part in picture.parts[:-1]]
    if above[-1:] == ["ibug"]:
        return "iBUG"
    return {("lfpw", "testset"): "LFPW", ("helen", "testset"): "Helen"}.get(tuple(above[-2:]))  # type: ignore[arg-type]


def _subsets(origins: Sequence[str]) -> dict[str, np.ndarray]:
    """Faces (M,) bool of each subset that is there; the last one has them all."""
    hard = np.array([origin == _CHALLENGING for origin in origins])
    parts = {"common": ~hard, "challenging": hard}
    parts = {name: rows for name, rows in parts.items() if rows.any()}
    return parts if len(parts) == 1 else parts | {"full": np.ones(len(hard), bool)}


def _scores(errors: Errors, origins: Sequence[str], subsets: dict[str, np.ndarray]) -> dict[str, float]:
    scores: dict[str, float] = {}
    for (by, what), values in errors.items():
        name = f"NME {what}" if by == "inter-ocular" else f"NME {what} {by}"
        scores |= {f"{name} step {k}": percent(row) for k, row in enumerate(values)}
        scores[name] = percent(values[-1])
        if len(subsets) > 1:
            scores |= {f"{name}, {subset}": percent(values[-1][rows]) for subset, rows in subsets.items()}
    last = errors["inter-ocular", "S"][-1]
    for origin in dict.fromkeys(origins):
        scores[f"NME S, {origin}"] = percent(last[[o == origin for o in origins]])
    return scores


def _columns(errors: Errors) -> dict[str, np.ndarray]:
    return {
        f"nme_{what}_{by}_step{k}".replace("-", "_"): row
        for (by, what), values in errors.items()
        for k, row in enumerate(values)
    }


def _curves(errors: Errors) -> dict[str, Float32]:
    shapes = errors["inter-ocular", "S"]
    last = len(shapes) - 1
    steps = {f"S, step {k}" + (" (initial face)" if k == 0 else ""): row for k, row in enumerate(shapes)}
    return steps | {f"S_p, step {last}": errors["inter-ocular", "S_p"][last]}


def _tables(errors: Errors, subsets: dict[str, np.ndarray]) -> list[Table]:
    tables = []
    for by, published in (("inter-ocular", W300_OCULAR), ("inter-pupil", W300_PUPIL)):
        rows = []
        for what, words in (("S", "landmarks S"), ("S_p", "projected 3D face S_p")):
            last = errors[by, what][-1]
            values = [percent(last[subsets[name]]) if name in subsets else None for name in W300_COLUMNS]
            rows.append(Row(f"{OURS}, {words}", tuple(values)))
        tables.append(published.with_rows(rows))
    subset = list(subsets)[-1]
    per_step = zip(*errors.values(), strict=True)
    rows = [Row(f"step {k}", tuple(percent(row) for row in values)) for k, values in enumerate(per_step)]
    columns = tuple(f"{what} {by}" for by, what in errors)
    note = "S: landmarks; S_p: the projected 3D face alone. Step 0 is the initial face."
    return [*tables, Table(f"300-W {subset} by refinement step, NME in %", columns, tuple(rows), note, "after")]
