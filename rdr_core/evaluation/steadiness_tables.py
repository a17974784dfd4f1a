"""Steadiness as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rdr_core.evaluation.steadiness import describe
from rdr_core.evaluation.steadiness_report import MeasuredClip, Steadiness
from rdr_core.evaluation.tables import Row, Table

QUANTITIES: Final = {
    "landmarks_px": "landmarks, px",
    "landmarks_percent": "landmarks, % inter-ocular",
    "landmarks_brows_percent": "landmarks, brows",
    "landmarks_eyes_percent": "landmarks, eyes",
    "landmarks_nose_percent": "landmarks, nose",
    "landmarks_mouth_percent": "landmarks, mouth",
    "landmarks_jaw_percent": "landmarks, jaw",
    "pitch_deg": "pitch, degrees",
    "yaw_deg": "yaw, degrees",
    "roll_deg": "roll, degrees",
    "position_percent": "position, % inter-ocular",
    "size_percent": "size, %",
    "coefficients_percent": "coefficients, % of their range",
    "coefficients_brows_percent": "coefficients, brows",
    "coefficients_eyes_percent": "coefficients, eyes",
    "coefficients_mouth_percent": "coefficients, mouth",
    "coefficients_jaw_percent": "coefficients, jaw",
}
"""Quantity -> its words."""


def tables(steadiness: Steadiness) -> list[Table]:
    """Return all tables: clips, jitter, lag, other crops, where crops lie, identity."""
    return [
        _clips(steadiness.clips),
        _jitter(steadiness),
        _lag(steadiness),
        _recrops(steadiness),
        _crops(steadiness),
        *_identity(steadiness),
    ]


def _clips(clips: Sequence[MeasuredClip]) -> Table:
    rows = []
    for measured in clips:
        raw, filtered = describe(measured.raw), describe(measured.filtered)
        values = [
            100 * measured.clip.tracked.mean(),
            100 * measured.rest.mean(),
            raw["landmarks_percent"]["rms"],
            filtered["landmarks_percent"]["rms"],
            raw["turn_deg"]["rms"],
            filtered["turn_deg"]["rms"],
        ]
        rows.append(_row(f"{measured.clip.name} ({len(measured.rest)} frames)", values))
    columns = ("found %", "rest %", "S raw", "S out", "head raw", "head out")
    note = "Second differences at rest, RMS: S in % of the inter-ocular distance, head in degrees; out: filtered."
    return Table("Clips", columns, tuple(rows), note, head="clip", ranked=False)


def _jitter(steadiness: Steadiness) -> Table:
    raw, filtered = steadiness.described("raw"), steadiness.described("filtered")
    rows = tuple(
        _row(words, [raw[name]["rms"], raw[name]["p95"], filtered[name]["rms"], filtered[name]["p95"]])
        for name, words in QUANTITIES.items()
    )
    rest = steadiness.rest
    frames = sum(int(measured.rest.sum()) for measured in steadiness.clips)
    note = (
        f"Second differences over {frames} frames at rest: windows of {rest.least_frames} frames or more, and of "
        f"{rest.least_s:g} s, in which every part of the face stays within {rest.reach_percent:g} % of the "
        "inter-ocular distance."
    )
    columns = ("raw RMS", "raw p95", "filtered RMS", "filtered p95")
    return Table("Jitter at rest", columns, rows, note, head="quantity", digits=3, ranked=False)


def _lag(steadiness: Steadiness) -> Table:
    rows = []
    for part, lag in steadiness.lags().items():
        values = [None, None] if lag is None else [lag.milliseconds, lag.correlation]
        rows.append(_row(f"{part} ({0 if lag is None else lag.moving_frames} frames)", values))
    note = "Brows to jaw: expression coefficients. Correlation: of the speeds, at that delay."
    columns = ("ms", "correlation")
    return Table("Lag of the filtered face", columns, tuple(rows), note, head="part", ranked=False)


def _recrops(steadiness: Steadiness) -> Table:
    spread, pulled, config = steadiness.described("recrops"), steadiness.pull(), steadiness.recrop
    rows = [
        _row(words, [spread[name]["rms"], spread[name]["p95"]]) for name, words in QUANTITIES.items() if name in spread
    ]
    rows += [_row(f"pull of the crop's {name}", [value, None]) for name, value in pulled.items()]
    looks = sum(len(measured.clip.recrops) for measured in steadiness.clips)
    note = (
        f"{looks} frames, each through {config.crops} crops about the tracker's own: shifted by {config.shift_std:g} "
        f"of the side, log side {config.log_side_std:g}, turned by {config.roll_std_rad:g} rad (standard deviations). "
        "Pull: the part of the crop's error that the answer goes along with, 0 is right."
    )
    return Table("One frame, other crops", ("RMS", "p95"), tuple(rows), note, head="spread", digits=3, ranked=False)


def _crops(steadiness: Steadiness) -> Table:
    words = ("across, of the side", "down, of the side", "log side", "turn, rad")
    rows = tuple(
        _row(name, list(numbers.values()))
        for name, numbers in zip(words, steadiness.crop_offsets().values(), strict=True)
    )
    note = "The tracker's crop against the one about the landmarks then found in it; p95, p99, largest: of the size."
    columns = ("mean", "std", "p95", "p99", "largest")
    return Table("Where crops lie", columns, rows, note, head="offset", digits=4, ranked=False)


def _identity(steadiness: Steadiness) -> list[Table]:
    spread = steadiness.identity
    rows = tuple(
        _row(f"{person} ({one.frames} frames)", [one.within_mm, one.within_p95_mm, one.nearest_mm])
        for person, one in spread.people.items()
    )
    columns = ("within mm", "p95 mm", "nearest other mm")
    totals = (
        ("within a person, mm", spread.within_mm),
        ("between two people, mm", spread.between_mm),
        ("ratio", spread.mm_ratio),
        ("ratio of standard deviations", spread.std_ratio),
        ("frames recognised, %", spread.recognised_percent),
    )
    note = "RMS distance of neutral faces' vertices. Recognised: frames of second halves by the means of first halves."
    return [
        Table("Identity of people", columns, rows, head="person", ranked=False),
        Table(
            "Identity",
            ("value",),
            tuple(_row(name, [value]) for name, value in totals),
            note,
            head="spread",
            ranked=False,
        ),
    ]


def _row(name: str, values: Sequence[float | None]) -> Row:
    """A row in which NaN is nothing."""
    known = (None if value is None or value != value else float(value) for value in values)
    return Row(name, tuple(known))
