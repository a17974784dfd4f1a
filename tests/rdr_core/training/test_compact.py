"""Compact weights come back within half a step, and nothing else changes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.training.compact import compact, expand


@given(seed=st.integers(0, 1000), spread=st.floats(1e-6, 1e4), outputs=st.integers(1, 40))
def test_rounding_is_at_most_half_a_step(seed: int, spread: float, outputs: int) -> None:
    torch.manual_seed(seed)
    weight = torch.randn(outputs, 16, 3, 50) * spread
    weight[0] *= 100  # its large weights must not coarsen the others' steps
    stored = compact({"w": weight})
    assert stored["w.bytes"].dtype == torch.int8
    back = expand(stored)["w"]
    largest = weight.abs().flatten(1).amax(1)
    assert ((back - weight).abs().flatten(1).amax(1) <= largest / 254 * 1.001).all()
    assert back.shape == weight.shape


def test_outputs_that_are_zero_stay_zero() -> None:
    weight = torch.randn(4, 1024)
    weight[2] = 0
    assert (expand(compact({"w": weight}))["w"][2] == 0).all()


def test_small_and_whole_numbers() -> None:
    tensors = {"bias": torch.tensor([0.5, 1.25]), "count": torch.tensor(7), "small": torch.eye(4)}
    stored = compact(tensors)
    assert {name: t.dtype for name, t in stored.items()} == {
        "bias": torch.float16,
        "count": torch.int64,
        "small": torch.float16,
    }
    for name, tensor in expand(stored).items():
        assert torch.equal(tensor.to(tensors[name].dtype), tensors[name])


def test_weights_that_are_not_compact_pass() -> None:
    tensors = {"a.step": torch.ones(3), "b.bytes": torch.ones(3), "c": torch.ones(100, 100)}
    assert expand(tensors).keys() == tensors.keys()
    for name, tensor in expand(tensors).items():
        assert tensor is tensors[name]


def test_size() -> None:
    weight = torch.randn(256, 512)
    size = sum(t.numel() * t.element_size() for t in compact({"w": weight}).values())
    assert size == pytest.approx(weight.numel(), rel=0.02)
