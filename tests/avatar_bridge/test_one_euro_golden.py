"""golden/one_euro_v1.csv: a track and exactly what the filters make of it. Every implementation must reproduce it.

Irregular times, a duplicate, a step back, gaps, lost confidence, NaN, blinks, a turn through 180 degrees. Lines with
# say the settings of each column. Run this file to write it anew, where filters or defaults were changed on purpose.
"""

from __future__ import annotations

import csv
import math
import random
from itertools import pairwise
from pathlib import Path

import pytest

from avatar_bridge.config import OneEuroConfig, SmoothingConfig
from avatar_bridge.one_euro import OneEuroFilter, RotationFilter

GOLDEN = Path(__file__).parents[1] / "golden" / "one_euro_v1.csv"
NUMBERS = ("brows", "eyes", "mouth", "jaw")
ROTATION = ("qw", "qx", "qy", "qz")
POSITION = "translation"
UNIT = "px_per_cm"
INPUTS = (*NUMBERS, POSITION, UNIT, *ROTATION)
OUTPUTS = tuple(f"{name}_out" for name in (*NUMBERS, POSITION, *ROTATION))
SETTINGS = (*NUMBERS, POSITION, "rotation")
ABOUT = (
    "What the One Euro filters of avatar_bridge/one_euro.py make of a track; see docs/smoothing.md.",
    "restart 1: reset all filters before this row. weight: how much it counts. translation: px, its unit px_per_cm.",
)


def golden() -> tuple[dict[str, OneEuroConfig], list[dict[str, str]]]:
    """Return the settings of each filter, and the rows."""
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    about = [line[2:].split() for line in lines if line.startswith("# ")]
    settings = {words[0]: OneEuroConfig(*map(float, words[2::2])) for words in about if words[1:2] == ["min_cutoff_hz"]}
    return settings, list(csv.DictReader(line for line in lines if not line.startswith("#")))


def filtered(settings: dict[str, OneEuroConfig], rows: list[dict[str, str]]) -> list[dict[str, float]]:
    """Return the outputs of each row."""
    one_euros = {name: OneEuroFilter(settings[name]) for name in (*NUMBERS, POSITION)}
    rotation, found = RotationFilter(settings["rotation"]), []
    for row in rows:
        if row["restart"] == "1":
            for one_euro in (*one_euros.values(), rotation):
                one_euro.reset()
        time_ns, weight = int(row["time_ns"]), float(row["weight"])
        out = {}
        for name, one_euro in one_euros.items():
            unit = float(row[UNIT]) if name == POSITION else 1.0
            (out[f"{name}_out"],) = one_euro.filter([float(row[name])], time_ns, weight, unit)
        turned = rotation.filter([float(row[name]) for name in ROTATION], time_ns, weight)
        found.append(out | dict(zip((f"{name}_out" for name in ROTATION), turned, strict=True)))
    return found


def test_filters_reproduce_the_golden_track() -> None:
    settings, rows = golden()
    for number, (row, out) in enumerate(zip(rows, filtered(settings, rows), strict=True)):
        for name in OUTPUTS:
            assert out[name] == pytest.approx(float(row[name]), rel=1e-12, abs=1e-12), f"row {number}: {name}"


def test_the_golden_settings_are_the_defaults() -> None:
    settings, _ = golden()
    assert settings == {name: getattr(SmoothingConfig(), name) for name in SETTINGS}


def test_the_track_has_what_goes_wrong() -> None:
    _, rows = golden()
    steps = [int(b["time_ns"]) - int(a["time_ns"]) for a, b in pairwise(rows)]
    assert len(rows) >= 80
    assert min(steps) < 0 < max(steps)
    assert 0 in steps
    assert {"0", "1"} == {row["restart"] for row in rows}
    assert any(float(row["weight"]) == 0 for row in rows)
    assert any(0 < float(row["weight"]) < 0.5 for row in rows)
    assert any(math.isnan(float(row["eyes"])) for row in rows)
    outputs = [row[name] for row in rows for name in OUTPUTS]
    assert all(math.isfinite(float(value)) for value in outputs)


def made_up_track() -> list[dict[str, str]]:
    """Return the inputs of the golden track."""
    chance, time_ns, rows = random.Random(1), 1_700_000_000_000_000_000, []
    for k in range(96):
        step_ms = {20: 0.0, 21: -12.0, 40: 180.0, 60: 900.0}.get(k, chance.choice([16.7, 33.3, 33.4, 40.0]))
        time_ns += round(step_ms * 1e6)
        blink = max(0.0, 1 - abs(k % 24 - 12) / 2)
        angle = 0.06 * k + chance.gauss(0, 0.004)
        quaternion = [math.cos(angle / 2), 0.6 * math.sin(angle / 2), 0.8 * math.sin(angle / 2), 0.0]
        sign = -1 if k % 7 == 0 else 1
        values = {
            "brows": 0.3 + 0.25 * math.sin(k / 15) + chance.gauss(0, 0.003),
            "eyes": float("nan") if k == 30 else 0.05 + 0.7 * blink + chance.gauss(0, 0.003),
            "mouth": 0.2 + 0.2 * math.tanh((k - 50) / 4) + chance.gauss(0, 0.003),
            "jaw": 0.2 + 0.15 * math.sin(k / 2) + chance.gauss(0, 0.003),
            POSITION: 320 + 60 * math.sin(k / 20) + chance.gauss(0, 0.3),
            UNIT: 20 + 0.02 * k,
        } | {name: sign * value for name, value in zip(ROTATION, quaternion, strict=True)}
        weight = {10: 0.0, 33: 0.0625, 34: 0.0625, 52: 0.4, 70: 0.2}.get(k, 1.0)
        row = {"time_ns": str(time_ns), "restart": str(int(k == 60)), "weight": repr(weight)}
        rows.append(row | {name: repr(round(value, 9)) for name, value in values.items()})
    return rows


def write_golden() -> None:
    """Write the golden file."""
    settings = {name: getattr(SmoothingConfig(), name) for name in SETTINGS}
    rows = made_up_track()
    with GOLDEN.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"# {line}\n" for line in ABOUT)
        for name, c in settings.items():
            file.write(f"# {name} min_cutoff_hz {c.min_cutoff_hz} beta {c.beta} speed_cutoff_hz {c.speed_cutoff_hz}\n")
        writer = csv.DictWriter(file, ["time_ns", "restart", "weight", *INPUTS, *OUTPUTS], lineterminator="\n")
        writer.writeheader()
        for row, out in zip(rows, filtered(settings, rows), strict=True):
            writer.writerow(row | {name: repr(out[name]) for name in OUTPUTS})


if __name__ == "__main__":
    write_golden()
