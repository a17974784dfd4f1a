"""One formula for numpy and torch."""

from __future__ import annotations

import sys

import numpy as np
import torch

from rdr_core.geometry.backend import constant, detach, namespace, take, take_along


def test_namespace() -> None:
    assert namespace(np.zeros(2)) is namespace(np.float64(1)) is namespace(1.0) is np
    assert namespace(torch.zeros(2)) is sys.modules["torch"]


def test_detach() -> None:
    array, tensor = np.zeros(2), torch.zeros(2, requires_grad=True) * 2
    assert detach(array) is array
    assert not detach(tensor).requires_grad


def test_constant_takes_the_precision() -> None:
    values = np.array([1.0, 2.0])
    assert constant(values, np.zeros(1, np.float32)).dtype == np.float32
    assert constant(values, torch.zeros(1, dtype=torch.float16)).dtype == torch.float16


def test_taking_agrees() -> None:
    array = np.random.default_rng(0).normal(size=(3, 4, 5))
    indices, along = np.array([2, 0, 2]), np.array([[[1], [0], [4], [2]]] * 3)
    for axis in (-1, -2, 0):
        expected = take(array, indices, axis)
        np.testing.assert_array_equal(take(torch.from_numpy(array), indices, axis).numpy(), expected)
    found = take_along(torch.from_numpy(array), torch.from_numpy(along), -1).numpy()
    np.testing.assert_array_equal(found, take_along(array, along, -1))
    np.testing.assert_array_equal(found[..., 0], array[:, np.arange(4), [1, 0, 4, 2]])
