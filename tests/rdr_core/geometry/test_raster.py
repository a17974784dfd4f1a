from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.geometry.raster import depth_map, rasterize


@given(st.lists(st.floats(-8, 24, width=32), min_size=6, max_size=6))
def test_every_pixel_centre_inside_is_found_and_no_other(values: list[float]) -> None:
    corners = np.array(values, np.float64).reshape(1, 3, 2)
    found = rasterize(corners, 16, 12)
    centers = np.stack([found.pixel % 16 + 0.5, found.pixel // 16 + 0.5], axis=1)
    np.testing.assert_allclose(np.einsum("fk,kc->fc", found.weights, corners[0]), centers, atol=1e-3)
    assert (found.weights >= -1e-6).all()
    a, b, c = corners[0]
    area = (b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0]
    assert len(set(found.pixel.tolist())) == len(found.pixel)
    if abs(area) > 1:
        x, y = np.meshgrid(np.arange(16) + 0.5, np.arange(12) + 0.5)
        sides = [
            np.sign(area) * ((q - p)[0] * (y - p[1]) - (q - p)[1] * (x - p[0])) for p, q in ((a, b), (b, c), (c, a))
        ]
        assert abs(int((np.min(sides, axis=0) >= 0).sum()) - len(found.pixel)) <= 2, "but for rounding at the edges"


def test_no_area_has_no_pixels() -> None:
    assert len(rasterize(np.array([[[1, 1], [5, 5], [9, 9]]]), 12, 12).pixel) == 0
    assert len(rasterize(np.zeros((0, 3, 2)), 12, 12).pixel) == 0


def test_what_is_nearer_hides() -> None:
    points = np.array([[0, 0], [8, 0], [0, 8], [0, 0], [4, 0], [0, 4]], np.float32)
    depth = np.array([1, 1, 1, 5, 5, 5], np.float32)
    found = depth_map(points, depth, np.array([[0, 1, 2], [3, 4, 5]]), 8, 8)
    assert found[0, 0] == 5
    assert found[5, 0] == 1
    assert found[7, 7] == -np.inf
