"""What is painted into the shipped skin: even lips, lids with lashes, lighter sockets."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_bridge.skin import even_lips, lighten_socket, paint_lids
from rdr_core.face_model.dynamic_expression_model import shipped_face_model
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT, LIPS_INNER, LIPS_OUTER
from rdr_core.types import Float32, UInt8

SIZE = 512
SKIN_BGR = (120, 150, 210)


@pytest.fixture(scope="module")
def landmarks_px() -> Float32:
    topology = shipped_face_model().topology
    assert topology.uv is not None
    return topology.uv[topology.landmarks] * SIZE


@pytest.fixture
def plain() -> UInt8:
    return np.full((SIZE, SIZE, 3), SKIN_BGR, np.uint8)


def at(image: UInt8, point: Float32) -> np.ndarray:
    return image[round(float(point[1])), round(float(point[0]))].astype(int)


def test_lips_become_even_and_the_skin_stays(plain: UInt8, landmarks_px: Float32) -> None:
    outer, inner = landmarks_px[LIPS_OUTER], landmarks_px[LIPS_INNER]
    middle = round(float(inner[:, 1].mean()))
    left, right = (round(float(x)) for x in (outer[:, 0].min(), outer[:, 0].max()))
    plain[middle - 12 : middle, left:right] = (60, 60, 150)
    plain[middle : middle + 12, left:right] = (170, 150, 200)
    lips = even_lips(plain, outer, inner)
    upper, lower = ((outer[k] + inner[m]) / 2 for k, m in ((3, 2), (9, 6)))
    before = np.abs(at(plain, upper) - at(plain, lower)).max()
    assert np.abs(at(lips, upper) - at(lips, lower)).max() < 0.6 * before
    assert at(lips, inner.mean(axis=0)).sum() < at(lips, lower).sum(), "darker where they touch"
    far = np.ones((SIZE, SIZE), bool)
    far[middle - 30 : middle + 30, left - 20 : right + 20] = False
    assert np.abs(lips[far].astype(int) - plain[far]).max() <= 2


@pytest.mark.parametrize("eye", [EYE_RIGHT, EYE_LEFT])
def test_lids_are_skin_with_a_dark_line_above(plain: UInt8, landmarks_px: Float32, eye: np.ndarray) -> None:
    points = landmarks_px[eye]
    middle = points.mean(axis=0)
    plain[round(float(middle[1])) - 1 : round(float(middle[1])) + 2, round(float(middle[0]))] = (255, 255, 255)
    lids = paint_lids(plain, points)
    line = [at(lids, points[k] + [0, dy]).sum() for k in (1, 2) for dy in (-1, 0, 1)]
    assert min(line) < 0.7 * sum(SKIN_BGR), "lashes"
    assert at(lids, middle).max() < 230, "the white of the eye is gone"
    np.testing.assert_allclose(at(lids, points.mean(axis=0) + [0, 30]), SKIN_BGR, atol=1)


@pytest.mark.parametrize("eye", [EYE_RIGHT, EYE_LEFT])
def test_the_dark_inner_corner_becomes_lighter(plain: UInt8, landmarks_px: Float32, eye: np.ndarray) -> None:
    points = landmarks_px[eye]
    inner = points[3] if eye is EYE_RIGHT else points[0]
    x, y = (round(float(v)) for v in inner)
    plain[y - 8 : y + 4, x - 8 : x + 8] = (40, 60, 110)
    lighter = lighten_socket(plain, points)
    assert at(lighter, inner).sum() > at(plain, inner).sum() + 60
    far = points[0] if eye is EYE_RIGHT else points[3]
    assert np.abs(at(lighter, far) - at(plain, far)).max() < 12
    assert lighter.dtype == np.uint8
