"""How steady alpha_id is over one person's frames, and how far people are apart in it.

T: frames.  I: identity dimensions.  P: people.
Distances are in mm: the root mean square, over the vertices of the face model, of the distance between two neutral
faces. A neutral face is linear in alpha_id, so this is a norm of the difference with one (I, I) matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rdr_core.errors import DataError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.types import Float32


@dataclass(frozen=True, slots=True)
class PersonSpread:
    """Frames of one person."""

    frames: int
    within_std: Float32
    """(I,) standard deviation of the frames about their mean, in units of the face model's identity_std."""
    within_mm: float
    """Root mean square distance of a frame's neutral face from that of the mean."""
    within_p95_mm: float
    nearest_mm: float
    """Distance of the mean from the nearest mean of somebody else; NaN without one."""


@dataclass(frozen=True, slots=True)
class IdentitySpread:
    """Frames of all people, each person counted alike."""

    people: dict[str, PersonSpread]
    within_std: Float32
    """(I,) pooled over people, in units of identity_std."""
    between_std: Float32
    """(I,) of the people's means, in units of identity_std; NaN for one person, as the other numbers of two."""
    within_mm: float
    """Root mean square over people."""
    between_mm: float
    """Root mean square distance between the means of two people."""
    recognised_percent: float
    """Share of the frames of second halves that are nearer to the mean of their person's first half than to others'."""

    @property
    def std_ratio(self) -> float:
        """Pooled standard deviation within people over that between them, root mean square over dimensions."""
        return float(np.sqrt(np.mean(self.within_std**2) / np.mean(self.between_std**2)))

    @property
    def mm_ratio(self) -> float:
        """Distance of a frame from its person's mean over the distance between two people."""
        return self.within_mm / self.between_mm


def vertex_metric(model: DynamicExpressionModel) -> Float32:
    """(I, I) matrix M: sqrt(d M d) is the RMS distance in mm of the vertices of neutral faces d (I,) apart."""
    basis = np.stack([model.blendshapes(unit)[0] for unit in np.eye(model.n_identity, dtype=np.float32)])
    flat = 10 * basis.reshape(model.n_identity, -1).astype(np.float64)
    return flat @ flat.T / model.tensor.n_vertices


def distance_mm(difference: Float32, metric: Float32) -> Float32:
    """(..., I) differences of alpha_id -> (...) mm."""
    return np.sqrt(np.maximum(((difference @ metric) * difference).sum(axis=-1), 0))


def identity_spread(frames: Mapping[str, Float32], identity_std: Float32, metric: Float32) -> IdentitySpread:
    """Compare the alpha_id of people's frames.

    Args:
        frames: person -> (T, I), without NaN, in the order of time; at least 2 frames each.
        identity_std: (I,) the face model's.
        metric: (I, I) see `vertex_metric`.
    """
    for person, values in frames.items():
        if len(values) < 2 or not np.isfinite(values).all():
            raise DataError(f"{person}: the spread of identity needs 2 frames or more of finite numbers")
    means = np.stack([values.mean(axis=0) for values in frames.values()])
    apart = distance_mm(means[:, None] - means[None], metric)
    np.fill_diagonal(apart, np.nan)
    people = {
        person: _person(values, identity_std, metric, apart[k]) for k, (person, values) in enumerate(frames.items())
    }
    several = len(people) > 1
    return IdentitySpread(
        people,
        np.sqrt(np.mean([one.within_std**2 for one in people.values()], axis=0)),
        means.std(axis=0, ddof=1) / identity_std if several else np.full(len(identity_std), np.nan),
        float(np.sqrt(np.mean([one.within_mm**2 for one in people.values()]))),
        float(np.sqrt(np.nanmean(apart**2))) if several else float("nan"),
        _recognised_percent(list(frames.values()), metric) if several else float("nan"),
    )


def _person(values: Float32, identity_std: Float32, metric: Float32, apart: Float32) -> PersonSpread:
    off = distance_mm(values - values.mean(axis=0), metric)
    return PersonSpread(
        len(values),
        values.std(axis=0, ddof=1) / identity_std,
        float(np.sqrt(np.mean(off**2))),
        float(np.percentile(off, 95)),
        float(np.nanmin(apart)) if len(apart) > 1 else float("nan"),
    )


def _recognised_percent(frames: list[Float32], metric: Float32) -> float:
    """Means of first halves against frames of second halves: neighbouring frames are too much alike to be a test."""
    means = np.stack([values[: len(values) // 2].mean(axis=0) for values in frames])
    right = [
        distance_mm(values[len(values) // 2 :, None] - means, metric).argmin(axis=1) == person
        for person, values in enumerate(frames)
    ]
    return float(100 * np.mean([each.mean() for each in right]))
