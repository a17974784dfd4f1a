"""The faults of docs/protocol.md that take no time; `python -m benchmarks.faults` does them all."""

from __future__ import annotations

import pytest

from benchmarks import faults


@pytest.mark.parametrize("name", ["garbage", "port_taken", "clock_jump"])
def test_a_fault_does_no_harm(name: str) -> None:
    row = faults.FAULTS[name]()
    assert row.fine, row
