from __future__ import annotations

import json

import pytest

from avatar_bridge.cli import main
from avatar_bridge.publisher import Publisher


def test_it_looks_at_everything(capsys: pytest.CaptureFixture[str]) -> None:
    with Publisher("tcp://127.0.0.1:*") as publisher:
        code = main(["doctor", "--endpoint", publisher.endpoint, "--control", "tcp://127.0.0.1:1", "--json"])
    output = capsys.readouterr()
    findings = {finding["what"]: finding for finding in json.loads(output.out)}
    assert {"Python", "packages", "network", "OpenGL", "disk", "stream", "rate", "names", "control"} <= set(findings)
    bad = [what for what, finding in findings.items() if finding["state"] == "bad"]
    assert code == (1 if bad else 0)
    assert all(what in output.err for what in bad)
