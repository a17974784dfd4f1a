"""The track of tests/golden/one_euro_v1.csv and exactly what the tracker's filters make of it: ours must, too."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from blender_addon.core.one_euro import OneEuroFilter, RotationFilter
from blender_addon.core.smoothing_config import DEFAULTS, OneEuroConfig

GOLDEN = Path(__file__).parents[2] / "golden" / "one_euro_v1.csv"
NUMBERS = ("brows", "eyes", "mouth", "jaw")
ROTATION = ("qw", "qx", "qy", "qz")

pytestmark = pytest.mark.skipif(not GOLDEN.exists(), reason="tests/golden/one_euro_v1.csv comes with rdr filters")


def golden() -> tuple[dict[str, OneEuroConfig], list[dict[str, str]]]:
    """Return the settings of each filter, and the rows."""
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    about = [line[2:].split() for line in lines if line.startswith("# ")]
    settings = {words[0]: OneEuroConfig(*map(float, words[2::2])) for words in about if words[1:2] == ["min_cutoff_hz"]}
    return settings, list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_the_settings_are_ours() -> None:
    settings, _ = golden()
    assert settings == {name: DEFAULTS[name] for name in settings}


def test_filters_reproduce_the_golden_track() -> None:
    settings, rows = golden()
    one_euros = {name: OneEuroFilter(settings[name]) for name in (*NUMBERS, "translation")}
    rotation = RotationFilter(settings["rotation"])
    for number, row in enumerate(rows):
        if row["restart"] == "1":
            for one_euro in (*one_euros.values(), rotation):
                one_euro.reset()
        time_ns, weight = int(row["time_ns"]), float(row["weight"])
        for name, one_euro in one_euros.items():
            unit = float(row["px_per_cm"]) if name == "translation" else 1.0
            (out,) = one_euro.filter([float(row[name])], time_ns, weight, unit)
            assert out == pytest.approx(float(row[f"{name}_out"]), rel=1e-12, abs=1e-12), f"row {number}: {name}"
        turned = rotation.filter([float(row[name]) for name in ROTATION], time_ns, weight)
        wanted = [float(row[f"{name}_out"]) for name in ROTATION]
        assert turned == pytest.approx(wanted, rel=1e-12, abs=1e-12), f"row {number}"
