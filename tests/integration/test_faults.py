"""Some faults of docs/protocol.md that take little time; `python -m benchmarks.faults` does them all."""

from __future__ import annotations

import pytest

from benchmarks.faults.__main__ import FAULTS


@pytest.mark.parametrize("name", ["garbage_at_control", "recorder_killed", "clock_set"])
def test_a_fault_does_no_harm(name: str) -> None:
    row = FAULTS[name]()
    assert row.fine, row
