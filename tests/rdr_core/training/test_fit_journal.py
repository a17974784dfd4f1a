"""The journal: what is written comes back, whatever ended the writing."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rdr_core.errors import ConfigError
from rdr_core.training.fit_jobs import FittedRows
from rdr_core.training.fit_journal import FitJournal, forget


def rows_of(drawn_faces: Any, job: int) -> FittedRows:
    table = drawn_faces.fits.where(np.arange(16) // 2 == job)
    return FittedRows(table, np.full(2, job), np.full(2, 0.1 * job, np.float32))


def test_rows_come_back(drawn_faces: Any, tmp_path: Path) -> None:
    folder = tmp_path / "fits.npz.partial"
    journal = FitJournal(folder, "this", every_s=1e9)
    for job in (3, 0, 5):
        journal.add(rows_of(drawn_faces, job))
    assert not folder.exists()
    journal.write()
    journal.add(rows_of(drawn_faces, 7))
    assert FitJournal(folder, "this").done() == {0, 3, 5}  # what a kill now would leave
    journal.write()
    journal.write()  # nothing new
    assert {path.name for path in folder.iterdir()} == {"run.json", "part-000000.npz", "part-000001.npz"}
    again = FitJournal(folder, "this", every_s=0)
    assert again.done() == {0, 3, 5, 7}
    found = FittedRows.concatenate(again.rows).in_order()
    assert found.job.tolist() == [0, 0, 3, 3, 5, 5, 7, 7]
    expected = drawn_faces.fits.where(np.isin(np.arange(16) // 2, [0, 3, 5, 7]))
    for column in expected.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(found.table, column), getattr(expected, column))
    np.testing.assert_allclose(found.seconds, found.job * 0.1, atol=1e-6)
    again.add(rows_of(drawn_faces, 1))
    assert (folder / "part-000002.npz").exists()


def test_other_work_is_refused(drawn_faces: Any, tmp_path: Path) -> None:
    journal = FitJournal(tmp_path, "this", every_s=0)
    journal.add(rows_of(drawn_faces, 0))
    for content in (None, "", "[]", "{}", "no json"):
        if content is not None:
            (tmp_path / "run.json").write_text(content)
        with pytest.raises(ConfigError, match=r"other faces or settings.*give another --out, or delete that folder"):
            FitJournal(tmp_path, "that" if content is None else "this")
    (tmp_path / "run.json").unlink()
    with pytest.raises(ConfigError):
        FitJournal(tmp_path, "this")


def test_a_broken_part_is_done_again(drawn_faces: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = FitJournal(tmp_path, "this", every_s=0)
    for job in range(3):
        journal.add(rows_of(drawn_faces, job))
    part = tmp_path / "part-000001.npz"
    part.write_bytes(part.read_bytes()[:-50])
    with caplog.at_level(logging.WARNING):
        assert FitJournal(tmp_path, "this").done() == {0, 2}
    assert "part-000001.npz cannot be read" in caplog.text
    assert not part.exists()
    np.savez(part, job=np.arange(3))
    assert FitJournal(tmp_path, "this").done() == {0, 2}


def test_parts_grow_with_the_time(drawn_faces: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of a row a second makes a few hundred files, not thousands."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    journal = FitJournal(tmp_path, "this", every_s=1.0)
    counted: list[float] = []
    monkeypatch.setattr(journal, "_new_part", lambda: counted.append(now[0]) or tmp_path / "part-0.npz")
    row = rows_of(drawn_faces, 0)
    for _ in range(3600):
        now[0] += 1.0
        journal.add(row)
    assert 150 < len(counted) < 300
    assert np.diff(counted).max() <= 0.02 * 3600 + 2


def test_forgetting_leaves_other_files(drawn_faces: Any, tmp_path: Path) -> None:
    folder = tmp_path / "a.partial"
    forget(folder)  # none there
    FitJournal(folder, "this", every_s=0).add(rows_of(drawn_faces, 0))
    (folder / ".part-000001.part.npz").write_bytes(b"of a killed process")
    forget(folder)
    assert not folder.exists()
    FitJournal(folder, "this", every_s=0).add(rows_of(drawn_faces, 0))
    (folder / "notes.txt").write_text("mine")
    forget(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
