"""Rendered people, whose truth is known: landmarks, pose, 3D shape, expression and identity.

S: states of the network that are known, after each step with the reference inference in torch, else the last alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from rdr_core.data.label import FaceLabel
from rdr_core.data.sample import FaceSample, box_of
from rdr_core.data.shard import decode_jpeg
from rdr_core.data.shard_set import ShardSet
from rdr_core.errors import DataError
from rdr_core.evaluation.coefficients import expression_table, shown_expressions, spreads
from rdr_core.evaluation.nme import box_size, nme
from rdr_core.evaluation.published import RECONSTRUCTION
from rdr_core.evaluation.reconstruction import FaceRegion, posed_error, shape_error
from rdr_core.evaluation.scores import (
    OURS,
    Evaluation,
    Predict,
    bin_curves,
    binned,
    column,
    euler_of,
    found,
    landmarks_3d_of,
    names_of,
    percent,
    picture_columns,
    rates,
)
from rdr_core.evaluation.tables import Row, Table
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, default_face_model
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.inference.images import ImageResult
from rdr_core.types import Float32, Pose, UInt8

RECONSTRUCTED: Final = ("posed", "expressive", "neutral")
"""What is compared in 3D: the face in its place in the picture; the expressive and the neutral face, aligned."""


@dataclass(frozen=True, slots=True)
class RenderedFace(FaceSample):
    """A face of a shard, kept in memory: a shard is not opened once a face."""

    jpeg: bytes = b""
    label: FaceLabel | None = None

    def read_image(self) -> UInt8:
        """Return the picture, (H, W, 3) BGR; DataError where it cannot be read."""
        return decode_jpeg(self.jpeg, self.name)


def evaluate_synth(
    patterns: Sequence[str], predict: Predict, model: DynamicExpressionModel | None = None
) -> Evaluation:
    """Faces of shards that `rdr synth` wrote and that the network has never seen.

    Args:
        patterns: manifests, folders or patterns of tars, as `ShardSet.open` takes them.
        predict: with `RDRPredictor` the 3D face is known after each step, with `OnnxPredictor` after the last one.
        model: that rendered the faces; the one that comes with the program by default.

    Raises:
        DataError: no shards, no faces, or labels that were fitted instead of known.
    """
    model = model or default_face_model()
    samples = read_rendered(patterns)
    labels = [s.label for s in samples if s.label is not None]
    results = predict(samples)
    shape, own = np.stack([la.shape for la in labels]), np.stack([la.landmarks_3d for la in labels])
    size = box_size(shape)
    steps, projected = column(results, lambda r: r.step_shapes), column(results, lambda r: r.step_projected)
    per_step = {
        what: np.stack([nme(values[:, k], shape, size) for k in range(values.shape[1])])
        for what, values in (("S", steps), ("S_p", projected))
    }
    errors, own_errors = per_step["S"][-1], nme(landmarks_3d_of(results)[..., :2], own[..., :2], size)
    yaw = np.degrees([la.euler_rad[1] for la in labels])
    solid = reconstruct(results, labels, model)
    pose, turned = _pose_scores(results, labels)
    expressions = _expressions(results, labels, model)
    return Evaluation(
        "Synthetic people (box)",
        {f"NME {what} step {k}": percent(row) for what, rows in per_step.items() for k, row in enumerate(rows)}
        | binned("NME S", errors, yaw)
        | binned("NME own points", own_errors, yaw)
        | {f"3D {what} {_state(k, solid)} %": percent(row) for what in solid for k, row in enumerate(solid[what])}
        | pose
        | _expression_scores(expressions)
        | _identity_scores(results, labels, model)
        | rates(errors)
        | found(results),
        names_of(results),
        errors,
        picture_columns(results, yaw) | _columns(per_step, own_errors, solid) | {"rotation_error_deg": turned},
        bin_curves(errors, yaw) | {f"all, own points of the head ({len(own_errors)})": own_errors},
        (
            _step_table(per_step, solid),
            _reconstruction_table(solid),
            shown_expressions(expressions),
        ),
        (expressions,),
    )


def read_rendered(patterns: Sequence[str]) -> list[RenderedFace]:
    """Read all faces of shards; DataError where there is none, or where labels were fitted."""
    samples = []
    for file in ShardSet.open(patterns).files:
        with file.open() as shard:
            for index in range(len(shard)):
                sample = shard.sample(index)
                if sample.label is None:
                    continue
                if sample.label.fitted:
                    raise DataError(f"{sample.where}: its label was fitted, not known: give shards made by rdr synth")
                samples.append(_rendered(shard.path, f"{shard.path.stem}/{sample.key}", sample.jpeg, sample.label))
    if not samples:
        raise DataError(f"{', '.join(patterns)}: no faces in these shards")
    return samples


def _rendered(path: Path, name: str, jpeg: bytes, label: FaceLabel) -> RenderedFace:
    return RenderedFace(
        name, path, box_of(label.shape), label.shape, label.landmarks_3d, label.euler_rad, jpeg=jpeg, label=label
    )


def reconstruct(
    results: Sequence[ImageResult], labels: Sequence[FaceLabel], model: DynamicExpressionModel
) -> dict[str, Float32]:
    """Errors of `RECONSTRUCTED`, (S, M) each, as shares of the box; 1 where no face was found."""
    region = FaceRegion(model)
    states = max((len(r.step_poses) or 1 for r in results if r.prediction is not None), default=1)
    errors = {what: np.full((states, len(results)), np.nan) for what in RECONSTRUCTED}
    for row, (result, label) in enumerate(zip(results, labels, strict=True)):
        face = result.prediction
        if face is None:
            continue
        alpha_exp = face.alpha_exp[None] if result.step_alpha_exp is None else result.step_alpha_exp
        neutral, expressive = region.faces(face.alpha_id, alpha_exp)
        true_neutral, (true_face,) = region.faces(label.alpha_id, label.alpha_exp[None])
        true_pose = Pose(label.euler_rad, label.translation_px, label.scale_px_per_cm)
        size_cm, size_px = region.size_cm(label.alpha_id), float(box_size(label.shape[None])[0])
        errors["neutral"][:, row] = shape_error(neutral, true_neutral, size_cm)
        for k, pose in enumerate(result.step_poses or (face.pose,)):
            errors["expressive"][k, row] = shape_error(expressive[k], true_face, size_cm)
            errors["posed"][k, row] = posed_error(expressive[k], pose, true_face, true_pose, size_px)
    return {what: np.where(np.isfinite(values), values, 1.0) for what, values in errors.items()}


def _state(k: int, solid: dict[str, Float32]) -> str:
    return f"step {k}" if len(solid["posed"]) > 1 else "last step"


def _pose_scores(results: Sequence[ImageResult], labels: Sequence[FaceLabel]) -> tuple[dict[str, float], Float32]:
    """Mean errors in degrees, of the angles and of the rotation as a whole; (M,) the latter, NaN where not found."""
    ours, truth = euler_of(results), np.stack([la.euler_rad for la in labels])
    apart = matrix_from_euler(ours.astype(np.float64)) @ np.swapaxes(matrix_from_euler(truth.astype(np.float64)), 1, 2)
    turned = np.degrees(np.arccos(np.clip((np.trace(apart, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    angles = np.degrees(np.abs((ours - truth + np.pi) % (2 * np.pi) - np.pi))
    names = ("pitch", "yaw", "roll")
    means = np.nanmean(angles, axis=0)
    scores = {f"{name} MAE deg": float(mean) for name, mean in zip(names, means, strict=True)}
    return scores | {"rotation error deg": float(np.nanmean(turned))}, turned


def _expressions(results: Sequence[ImageResult], labels: Sequence[FaceLabel], model: DynamicExpressionModel) -> Table:
    pairs = [(r.prediction.alpha_exp, la.alpha_exp) for r, la in zip(results, labels, strict=True) if r.prediction]
    ours, truth = (np.stack(values) for values in zip(*pairs, strict=True))
    return expression_table(ours, truth, model.names)


def _expression_scores(table: Table) -> dict[str, float]:
    known = [row.values[1] for row in table.rows if row.values[1] is not None]
    errors = [row.values[0] for row in table.rows if row.values[0] is not None]
    return {
        "alpha_exp mean error": float(np.mean(errors)),
        "alpha_exp mean correlation": float(np.mean(known)) if known else float("nan"),
    }


def _identity_scores(
    results: Sequence[ImageResult], labels: Sequence[FaceLabel], model: DynamicExpressionModel
) -> dict[str, float]:
    """Spread of alpha_id within and between people, in units of the population's; people are those of equal truth."""
    pairs = [(r.prediction.alpha_id, la.alpha_id) for r, la in zip(results, labels, strict=True) if r.prediction]
    ours, truth = (np.stack(values) for values in zip(*pairs, strict=True))
    _, person = np.unique(truth, axis=0, return_inverse=True)
    within, between = spreads((ours - model.identity_mean) / model.identity_std, person)
    return {
        "people": float(person.max() + 1),
        "alpha_id spread within a person": within,
        "alpha_id spread between people": between,
        "alpha_id within / between": within / between,
    }


def _columns(per_step: dict[str, Float32], own_errors: Float32, solid: dict[str, Float32]) -> dict[str, np.ndarray]:
    columns = {f"nme_{what}_step{k}": row for what, rows in per_step.items() for k, row in enumerate(rows)}
    columns["nme_own_points"] = own_errors
    return columns | {f"vertices_{what}_{_state(k, solid)}".replace(" ", "_"): row
                      for what, rows in solid.items() for k, row in enumerate(rows)}  # fmt: skip


def _step_table(per_step: dict[str, Float32], solid: dict[str, Float32]) -> Table:
    steps, known = len(per_step["S"]), len(solid["posed"])
    rows = []
    for k in range(steps):
        state = k - (steps - known)  # where one state is known it is the last
        flat = [percent(per_step[what][k]) for what in ("S", "S_p")]
        deep = [percent(solid[what][state]) if state >= 0 else None for what in RECONSTRUCTED]
        rows.append(Row(f"step {k}", (*flat, *deep)))
    note = (
        "S, S_p: landmarks and projected 3D face over the box of the landmarks. 3D: mean distance of the vertices "
        "within 9.5 cm of the nose tip; posed: in the picture and its depth, over the box in px; expressive, neutral: "
        "after the best similarity, over the box of the true neutral face from the front."
    )
    columns = ("S", "S_p", *(f"3D {what}" for what in RECONSTRUCTED))
    return Table("Synthetic people by refinement step, error in %", columns, tuple(rows), note, "after")


def _reconstruction_table(solid: dict[str, Float32]) -> Table:
    rows = [
        Row(
            f"{OURS}, {what}",
            (percent(values[0]) if len(values) > 1 else None, percent(values[-1])),
            "these synthetic people",
        )
        for what, values in solid.items()
    ]
    note = "Identity is told once, so that a neutral face has no steps. The paper's faces and vertices are others."
    if len(solid["posed"]) == 1:
        note += " The state before the last step is known with --weights FILE.safetensors only."
    return replace(RECONSTRUCTION, note=note).with_rows(rows)
