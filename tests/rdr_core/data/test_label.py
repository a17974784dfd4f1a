"""Face labels: what is written is read again, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.data.label import FaceLabel
from rdr_core.errors import DataError


def a_label(seed: int = 0) -> FaceLabel:
    rng = np.random.default_rng(seed)
    numbers = lambda *shape: rng.normal(0, 100, shape).astype(np.float32)  # noqa: E731
    return FaceLabel(
        shape=numbers(68, 2),
        projected_shape=numbers(68, 2),
        landmarks_3d=numbers(68, 3),
        visible=rng.random(68) < 0.5,
        euler_rad=numbers(3) / 100,
        translation_px=numbers(3),
        scale_px_per_cm=float(rng.uniform(1, 20)),
        alpha_id=numbers(50) / 100,
        alpha_exp=rng.random(46).astype(np.float32),
        residual=float(rng.random()),
        source="synthetic",
        fitted=bool(rng.random() < 0.5),
    )


@given(st.integers(0, 10**6))
def test_json_round_trip_keeps_the_hundredth_of_a_pixel(seed: int) -> None:
    label = a_label(seed)
    again = FaceLabel.from_json(label.to_json())
    for field in fields(FaceLabel):
        ours, theirs = getattr(label, field.name), getattr(again, field.name)
        if isinstance(ours, str):
            assert ours == theirs
        else:
            np.testing.assert_allclose(np.asarray(theirs, float), np.asarray(ours, float), rtol=1e-5, atol=1e-5)


def changed(**values: object) -> bytes:
    return json.dumps(json.loads(a_label().to_json()) | values).encode()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a face label"),
        (b"[1]", "not a face label"),
        (b"[" * 10**5, "not a face label"),
        (b'{"shape": []}', "not a face label"),
        (changed(shape=[[0, 0]] * 67), r"`shape` must have shape \(68, 2\), got \(67, 2\)"),
        (changed(shape=[[0, None]] * 68), "finite"),
        (changed(alpha_exp=[2.0] * 46), r"`alpha_exp` must lie in \[0, 1\]"),
        (changed(scale_px_per_cm=0), "positive scale"),
        (changed(residual=float("nan")), "finite"),
        (changed(visible=[1]), "`visible`"),
    ],
)
def test_what_is_no_label_is_named(content: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says) as raised:
        FaceLabel.from_json(content, "shard 3, sample 7")
    assert "shard 3, sample 7" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_label_that_could_not_be_read_is_found_when_checked() -> None:
    with pytest.raises(DataError, match="finite"):
        replace(a_label(), residual=float("inf")).check("here")
