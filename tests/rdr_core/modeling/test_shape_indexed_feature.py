"""Phi equals a crop-and-max written out with loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rdr_core.modeling.shape_indexed_feature import ShapeIndexedFeature


def bilinear(channel: np.ndarray, x: float, y: float) -> float:
    """Value at (x, y), map pixels with centres at .5; zero outside."""
    height, width = channel.shape
    left, top = int(np.floor(x - 0.5)), int(np.floor(y - 0.5))
    value = 0.0
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < height and 0 <= column < width:
                value += channel[row, column] * (1 - abs(x - 0.5 - column)) * (1 - abs(y - 0.5 - row))
    return value


def brute_force(feature_map: np.ndarray, shape: np.ndarray, window: float, samples: int) -> np.ndarray:
    batch, channels, height, width = feature_map.shape
    steps = np.linspace(-0.5, 0.5, samples) * window if samples > 1 else np.zeros(1)
    found = np.empty((batch, shape.shape[1], channels))
    for b in range(batch):
        for landmark, (x, y) in enumerate(shape[b]):
            for c in range(channels):
                window_values = [
                    bilinear(feature_map[b, c], (x + dx) * width, (y + dy) * height) for dx in steps for dy in steps
                ]
                found[b, landmark, c] = max(window_values)
    return found.reshape(batch, -1)


@pytest.mark.parametrize(("window", "samples", "height", "width"), [(0.2, 3, 8, 8), (0.1, 5, 16, 12), (0.3, 1, 8, 8)])
def test_phi_equals_a_brute_force_crop_and_max(window: float, samples: int, height: int, width: int) -> None:
    rng = np.random.default_rng(0)
    feature_map = rng.normal(size=(2, 3, height, width))
    shape = rng.uniform(-0.1, 1.1, (2, 9, 2))  # some landmarks lie outside of the crop
    shape[0, 0] = -3.0
    phi = ShapeIndexedFeature(window, samples).double()
    found = phi(torch.from_numpy(feature_map), torch.from_numpy(shape)).numpy()
    np.testing.assert_allclose(found, brute_force(feature_map, shape, window, samples), atol=1e-6)
    assert (found[0, :3] == 0).all()


def test_feature_follows_its_landmark() -> None:
    """A bright spot is seen by the landmark on it and by no other."""
    feature_map = torch.zeros(1, 2, 16, 16)
    feature_map[0, 1, 4, 11] = 5.0  # row 4, column 11
    shape = torch.tensor([[[11.5 / 16, 4.5 / 16], [4.5 / 16, 11.5 / 16]]])
    phi = ShapeIndexedFeature(2 / 16, 3)(feature_map, shape)
    assert phi.tolist() == [[0, 5, 0, 0]]
