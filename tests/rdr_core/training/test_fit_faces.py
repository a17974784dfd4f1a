"""Fitting a data set: interrupted and resumed, with faces that cannot be fitted and processes that die."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rdr_core.data.engines import Processes, ThisProcess
from rdr_core.errors import ConfigError, DataError, RdrError
from rdr_core.fitting.fit_group import FitConfig
from rdr_core.training.fit_faces import fit_faces
from rdr_core.training.targets import TargetTable


def same(one: TargetTable, other: TargetTable) -> None:
    for column in TargetTable.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column))


@dataclass
class Here:
    """This process, which is interrupted after some chunks, and loses the chunks of some faces a number of times."""

    interrupt_after: int = 10**9
    dying: dict[str, int] = field(default_factory=dict)
    """Name of a face, with " mirrored" where that is meant -> how many processes it kills."""
    chunks: list[list[str]] = field(default_factory=list)

    def run(self, work: Callable[[Any], Any], waiting: deque[Any]) -> Generator[tuple[Any, Any], None, None]:
        for chunk, result in ThisProcess().run(work, waiting):
            if len(self.chunks) == self.interrupt_after:
                raise KeyboardInterrupt
            names = [name + " mirrored" * job.mirrored for _, job in chunk for name in job.names]
            self.chunks.append(names)
            killer = next((name for name in names if self.dying.get(name, 0) > 0), None)
            if killer:
                self.dying[killer] -= 1
            yield chunk, None if killer else result


def test_an_interrupted_fit_goes_on(drawn_faces: Any, tmp_path: Path) -> None:
    journal, started = tmp_path / "fits.npz.partial", [0]
    with pytest.raises(KeyboardInterrupt):
        fit_faces(drawn_faces.samples, mirror=True, engine=Here(3), journal=journal)
    assert (journal / "part-000000.npz").exists()
    rest = Here()
    fitted = fit_faces(drawn_faces.samples, None, True, rest, journal, progress=started.append)
    same(fitted.table, drawn_faces.fits)
    assert fitted.resumed == 3
    assert sum(len(chunk) for chunk in rest.chunks) == 16 - 3
    assert sum(started) == 16
    nothing = Here()
    same(fit_faces(drawn_faces.samples, mirror=True, engine=nothing, journal=journal).table, drawn_faces.fits)
    assert nothing.chunks == []


def test_a_journal_of_other_faces_is_refused(drawn_faces: Any, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit_faces(drawn_faces.samples, engine=Here(3), journal=tmp_path)
    for samples, mirror, config in (
        (drawn_faces.samples[1:], False, None),
        (drawn_faces.samples, True, None),
        (drawn_faces.samples, False, FitConfig(passes=5)),
    ):
        with pytest.raises(ConfigError, match="keeps an unfinished fit of other faces"):
            fit_faces(samples, config, mirror, ThisProcess(), tmp_path)


def test_a_face_that_cannot_be_fitted(drawn_faces: Any, tmp_path: Path) -> None:
    samples = list(drawn_faces.samples)
    samples[2] = replace(samples[2], shape=np.full((68, 2), 7, np.float32))
    with pytest.raises(DataError, match=r"^2\.png: has landmarks that span less than a pixel$"):
        fit_faces(samples, mirror=True, engine=ThisProcess(), journal=tmp_path / "journal")
    assert not (tmp_path / "journal").exists()
    fitted = fit_faces(samples, mirror=True, engine=ThisProcess(), broken="skip")
    assert [failure.name for failure in fitted.failures] == ["2.png"]
    same(fitted.table, drawn_faces.fits.where(drawn_faces.fits.names != "2.png"))
    assert len(fitted.seconds) == len(fitted.table) == 14


def test_no_face_is_left(drawn_faces: Any) -> None:
    collapsed = [replace(sample, shape=np.zeros((68, 2), np.float32)) for sample in drawn_faces.samples]
    with pytest.raises(DataError, match=r"no face that can be fitted; the first: 0\.png has landmarks that span"):
        fit_faces(collapsed, engine=ThisProcess(), broken="skip")


def test_one_death_costs_nothing(drawn_faces: Any) -> None:
    """Memory was short, a machine went away: the faces are fitted by another process."""
    fitted = fit_faces(drawn_faces.samples, mirror=True, engine=Here(dying={"1.png": 2, "5.png": 1}))
    same(fitted.table, drawn_faces.fits)
    assert fitted.failures == []


def test_a_face_that_kills_every_process(drawn_faces: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^1\.png: cannot be fitted \(the process died 3 times"):
        fit_faces(drawn_faces.samples, engine=Here(dying={"1.png": 99}), journal=tmp_path)
    fitted = fit_faces(drawn_faces.samples, engine=Here(dying={"1.png": 99}), journal=tmp_path, broken="skip")
    assert [failure.name for failure in fitted.failures] == ["1.png"]
    straight = drawn_faces.fits.where(~drawn_faces.fits.mirrored)
    same(fitted.table, straight.where(straight.names != "1.png"))
    assert fitted.resumed > 0


def test_a_face_that_fails_one_way_round_is_left_out_altogether(drawn_faces: Any) -> None:
    fitted = fit_faces(drawn_faces.samples, mirror=True, engine=Here(dying={"1.png mirrored": 99}), broken="skip")
    assert [failure.name for failure in fitted.failures] == ["1.png"]
    same(fitted.table, drawn_faces.fits.where(drawn_faces.fits.names != "1.png"))
    with pytest.raises(DataError, match=r"no face that can be fitted; the first: 1\.png cannot be fitted"):
        fit_faces(drawn_faces.samples[1:2], mirror=True, engine=Here(dying={"1.png": 99}), broken="skip")


def test_processes_that_always_die_end_the_work(drawn_faces: Any) -> None:
    every = {sample.name + way: 99 for sample in drawn_faces.samples for way in ("", " mirrored")}
    with pytest.raises(RdrError, match="die as soon as they work"):
        fit_faces(drawn_faces.samples, mirror=True, engine=Here(dying=every), broken="skip")


def test_real_faces_in_processes(real_faces: Any) -> None:
    """The first 24 of 300-W's training set."""
    fitted = fit_faces(real_faces, mirror=True, engine=Processes(2))
    here = fit_faces(real_faces, mirror=True, engine=ThisProcess())
    same(fitted.table, here.table)
    assert len(fitted.table) == 48
    assert fitted.table.error.mean() < 0.025
    assert fitted.table.error.max() < 0.05


@pytest.fixture(scope="module")
def real_faces(rdr_data: Path) -> Any:
    from rdr_core.data.w300 import read_w300

    return read_w300(rdr_data, "train")[:24]
