"""The best similarity between two sets of points."""

from __future__ import annotations

import numpy as np
import pytest

from rdr_core.geometry.similarity import aligned, similarity

RNG = np.random.default_rng(4)
POINTS = RNG.normal(size=(30, 3))
ROTATION = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
ROTATION *= np.sign(np.linalg.det(ROTATION))


def test_similarity_is_recovered() -> None:
    scale, found, offset = similarity(POINTS, 1.7 * POINTS @ ROTATION.T + [1, -2, 3])
    assert scale == pytest.approx(1.7)
    np.testing.assert_allclose(found, ROTATION, atol=1e-9)
    np.testing.assert_allclose(offset, [1, -2, 3], atol=1e-9)


def test_aligned() -> None:
    onto = 0.3 * POINTS @ ROTATION.T - 5
    np.testing.assert_allclose(aligned(POINTS, onto), onto, atol=1e-9)


def test_no_mirror_image() -> None:
    """A mirrored face is not brought to lie on the face: that would take a reflection."""
    flipped = POINTS * [-1, 1, 1]
    _, rotation, _ = similarity(flipped, POINTS)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert np.abs(aligned(flipped, POINTS) - POINTS).max() > 0.1


def test_nothing_near_is_better() -> None:
    onto = POINTS @ ROTATION.T + 0.2 * RNG.normal(size=(30, 3))
    scale, rotation, offset = similarity(POINTS, onto)

    def error(change: float) -> float:
        return float(((scale * (1 + change) * POINTS @ rotation.T + offset * (1 + change) - onto) ** 2).sum())

    assert error(0) < min(error(0.01), error(-0.01))
