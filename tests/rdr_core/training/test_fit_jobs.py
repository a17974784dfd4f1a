"""Jobs: who is fitted with whom, what cannot be fitted, what names a result."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.data.sample import FaceSample, PointSet
from rdr_core.errors import AssetError
from rdr_core.fitting.fit_group import FitConfig
from rdr_core.training.fit_jobs import (
    FitJob,
    FittedRows,
    chunks_of,
    fingerprint,
    fit_chunk,
    jobs_of,
    program_digest,
)
from rdr_core.training.targets import mirror_points

POINTS = np.random.default_rng(0).uniform(10, 90, (68, 2)).astype(np.float32)


def face(name: str, person: str | None = None, **given: Any) -> FaceSample:
    return FaceSample(name, Path(name), **({"shape": POINTS} | given), person=person)


def test_persons_and_ways_round() -> None:
    samples = [face("a", "p"), face("b"), face("c", "p"), face("d", "b"), face("e")]
    jobs, failures = jobs_of(samples, mirror=True)
    assert failures == []
    assert [(job.names, job.mirrored) for job in jobs] == [
        (("a", "c"), False), (("a", "c"), True), (("b",), False), (("b",), True),
        (("d",), False), (("d",), True), (("e",), False), (("e",), True),
    ]  # fmt: skip
    for job in jobs:
        expected = mirror_points(POINTS) if job.mirrored else POINTS
        np.testing.assert_array_equal(job.points, np.stack([expected] * len(job)))
    assert [job.names for job in jobs_of(samples, mirror=False)[0]] == [("a", "c"), ("b",), ("d",), ("e",)]


def test_contours_and_the_heads_own_points_do_not_mix() -> None:
    own = np.concatenate([POINTS, POINTS[:, :1]], axis=1) + 1
    samples = [face("a", "p"), face("b", "p", shape=None, landmarks_3d=own), face("c", "p", landmarks_3d=own)]
    contour, heads = jobs_of(samples, mirror=False)[0]
    assert (contour.names, contour.contour) == (("a", "c"), True)
    assert (heads.names, heads.contour) == (("b",), False)
    np.testing.assert_array_equal(heads.points[0], POINTS + 1)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (None, "has no landmarks to fit"),
        (np.zeros((21, 2), np.float32), r"shape \(21, 2\)"),
        (np.where(np.arange(68)[:, None] == 5, np.nan, POINTS), "not finite"),
        (POINTS / 100, "less than a pixel"),
        (np.zeros((68, 2), np.float32), "less than a pixel"),
    ],
)
def test_unusable_landmarks_are_named(shape: Any, reason: str) -> None:
    jobs, (failure,) = jobs_of([face("good"), face("bad", shape=shape)], mirror=True)
    assert {job.names for job in jobs} == {("good",)}
    assert failure.name == "bad"
    assert re.search(reason, failure.reason)


def test_landmarks_of_another_scheme_are_named() -> None:
    points = PointSet("aflw21", np.zeros((21, 2), np.float32), np.ones(21, bool))
    jobs, (failure,) = jobs_of([face("a", shape=None, other=points)], mirror=False)
    assert jobs == []
    assert "scheme aflw21; only the 68 of iBUG" in failure.reason


@given(st.lists(st.integers(1, 9), max_size=30), st.integers(1, 12))
def test_chunks_hold_every_job_once(sizes: list[int], faces: int) -> None:
    jobs = list(enumerate(FitJob(("x",) * size, np.empty((size, 68, 2)), False, True) for size in sizes))
    chunks = list(chunks_of(jobs, faces))
    assert [numbered for chunk in chunks for numbered in chunk] == jobs
    counts = [sum(len(job) for _, job in chunk) for chunk in chunks]
    assert all(count >= faces for count in counts[:-1])
    assert all(count - len(chunk[-1][1]) < faces for count, chunk in zip(counts, chunks, strict=True))


def test_a_chunk_gives_rows_or_a_reason(drawn_faces: Any) -> None:
    jobs, _ = jobs_of(drawn_faces.samples[:2], mirror=False)
    broken = FitJob(("x",), np.zeros((1, 68, 2), np.float32), False, True)
    rows, reason, again = fit_chunk([(5, jobs[0]), (6, broken), (2, jobs[1])], FitConfig(), program_digest())
    assert isinstance(reason, str)
    assert reason.startswith("cannot be fitted (fitting needs landmarks that span")
    assert isinstance(rows, FittedRows)
    assert isinstance(again, FittedRows)
    assert rows.job.tolist() == [5]
    assert rows.seconds > 0
    both = FittedRows.concatenate([rows, again]).in_order()
    assert both.job.tolist() == [2, 5]
    assert both.table.names.tolist() == ["1.png", "0.png"]


def test_another_program_does_not_take_part() -> None:
    with pytest.raises(AssetError, match="install the same everywhere"):
        fit_chunk([], FitConfig(), "0.0.1 abc")


def test_what_changes_the_result_changes_the_fingerprint() -> None:
    (job,), _ = jobs_of([face("a")], mirror=False)
    config = FitConfig()
    same = fingerprint([job], config)
    assert fingerprint([replace(job)], FitConfig()) == same
    assert fingerprint([job], replace(config, max_error=0.1)) == same  # sifts only
    others = [
        fingerprint([job, job], config),
        fingerprint([replace(job, names=("b",))], config),
        fingerprint([replace(job, points=job.points + 0.01)], config),
        fingerprint([replace(job, mirrored=True)], config),
        fingerprint([replace(job, contour=False)], config),
        fingerprint([job], replace(config, passes=7)),
    ]
    assert len({same, *others}) == 7
