from __future__ import annotations

from collections.abc import Iterator

import pytest

from avatar_bridge.cli.doctor import line
from avatar_bridge.doctor import devices, program
from avatar_bridge.doctor.finding import Finding, examine


def test_a_check_that_fails_is_a_finding() -> None:
    def broken() -> Iterator[Finding]:
        yield Finding("first", "good", "fine")
        raise ZeroDivisionError("oh")

    first, second = examine([broken])
    assert first.state == "good"
    assert (second.what, second.state) == ("broken", "bad")
    assert "oh" in second.says


def test_this_machine_can_run_us() -> None:
    findings = list(examine([program.python, program.packages, program.network, devices.disk]))
    assert [finding.what for finding in findings] == ["Python", "packages", "network", "disk"]
    assert all(finding.state != "bad" for finding in findings), findings


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = ["no-such-package>=1.0", "numpy>=99.1", "torch>=2; extra == 'train'", "msgpack<99,>=1.0"]
    monkeypatch.setattr(program.metadata, "requires", lambda _: needed)
    (finding,) = program.packages()
    assert finding.state == "bad"
    assert "no-such-package is missing" in finding.says
    assert "is older than 99.1" in finding.says
    assert "torch" not in finding.says
    assert "msgpack" not in finding.says


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "PYTHONS", ((3, 98), (3, 99)))
    (finding,) = program.python()
    assert finding.state == "bad"


def test_lines() -> None:
    assert line(Finding("disk", "bad", "full", "make room")) == "BAD   disk      full\n                -> make room"
