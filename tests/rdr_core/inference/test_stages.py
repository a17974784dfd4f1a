"""Timings of stages: every part is there, the whole is their sum, and what is slower is seen to be."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from rdr_core.data.crop import Crop
from rdr_core.inference.onnx_runtime import OnnxPredictor
from rdr_core.inference.stages import STAGES, Timing, time_stages


class Slower:
    """A network that takes some milliseconds more."""

    def __init__(self, predictor: OnnxPredictor, seconds: float) -> None:
        self._predictor, self._seconds = predictor, seconds

    def run(self, image: Any) -> Any:
        time.sleep(self._seconds)
        return self._predictor.run(image)


def test_stages_of_two_networks(shipped_network: Path) -> None:
    predictor = OnnxPredictor(shipped_network)
    picture = np.full((200, 200, 3), 128, np.uint8)
    crop = Crop(np.array([100, 100], np.float32), 150.0, predictor.crop_size)
    fast, slow = time_stages([predictor, Slower(predictor, 0.05)], picture, crop, 20)
    for timing in (fast, slow):
        assert set(timing.ms) == set(STAGES)
        parts = sum(timing.ms[stage]["best"] for stage in STAGES[:3])
        assert 0 < parts <= timing.ms["face"]["best"]
        assert timing.ms["face"]["best"] <= timing.ms["face"]["p50"] <= timing.ms["face"]["p99"]
    assert slow.ms["network"]["best"] > 50
    assert slow.ms["network"]["p50"] > fast.ms["network"]["best"] + 40


def test_a_face_of_many_costs_less_than_all_of_them(shipped_network: Path) -> None:
    predictor = OnnxPredictor(shipped_network)
    picture = np.full((200, 200, 3), 128, np.uint8)
    crop = Crop(np.array([100, 100], np.float32), 150.0, predictor.crop_size)
    seen: list[int] = []

    class Counting:
        def run(self, pixels: Any) -> Any:
            seen.append(len(pixels))
            return predictor.run(pixels)

    one, many = time_stages([Counting(), Counting()], picture, crop, 20, [1, 4])
    assert sorted(set(seen)) == [1, 4]
    assert many.ms["network"]["best"] < 2 * one.ms["network"]["best"]


def test_the_first_rounds_do_not_count() -> None:
    seconds = np.full((100, 4), 0.002)
    seconds[:10] = 9.0
    seconds[-1] = 0.001
    assert Timing.of(seconds).ms["face"] == {"p50": 2.0, "p95": 2.0, "p99": 2.0, "best": 1.0}
