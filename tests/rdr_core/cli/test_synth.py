"""`rdr synth` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from avatar_bridge.cli.main import main
from rdr_core.data.shards import read_shard


@pytest.mark.usefixtures("headless_gl")
def test_synth_writes_shards_and_a_sheet_and_goes_on(
    tmp_path: Path, rdr_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, sheet = tmp_path / "synth", tmp_path / "sheet.png"
    command = ["synth", "--out", str(out), "--shard-size", "4", "--size", "64", "--jobs", "1", "--data", str(rdr_data)]
    assert main([*command, "--count", "3"]) == 0
    assert "4 pictures in" in capsys.readouterr().out
    first = (out / "synth-000000.tar").read_bytes()
    assert main([*command, "--count", "8", "--sheet", str(sheet)]) == 0
    assert (out / "synth-000000.tar").read_bytes() == first
    manifest = json.loads((out / "synth.json").read_text())
    assert manifest["licence"] == "open"
    assert manifest["seed"] == 0
    assert len(manifest["shards"]) == 2
    assert len(list(read_shard(out / "synth-000001.tar"))) == 4
    assert cv2.imread(str(sheet)) is not None
    assert main([*command, "--count", "8", "--seed", "1"]) != 0
    assert "another seed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--count", "0"], "must be positive"),
        (["--seconds", "-1"], "must be positive"),
        (["--size", "8"], "64 to 1024 px"),
    ],
)
def test_senseless_options_are_refused_in_one_line(
    tmp_path: Path, rdr_data: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert main(["synth", "--out", str(tmp_path / "x"), "--data", str(rdr_data), *arguments]) != 0
    error = capsys.readouterr().err.strip()
    assert says in error
    assert "\n" not in error
    assert not (tmp_path / "x").exists()


def test_a_missing_data_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synth", "--out", str(tmp_path / "x"), "--data", str(tmp_path), "--jobs", "1", "--count", "1"]) != 0
    assert "RDR_DATA" in capsys.readouterr().err
