"""`rdr train-eyes` from rendered shards to a network that the reader takes; errors in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_bridge.cli.main import main
from rdr_core.inference.eyes import EyeReader


def test_from_shards_to_a_network(rdr_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shards, out = tmp_path / "people", tmp_path / "new" / "eyes.onnx"
    synth = ["synth", "--out", str(shards), "--count", "16", "--shard-size", "8", "--size", "96", "--yaw", "40"]
    assert main([*synth, "--jobs", "1", "--data", str(rdr_data)]) == 0
    command = ["train-eyes", "--shards", str(shards), "--out", str(out), "--train.steps", "3", "--train.every", "2"]
    settings = ["--weights", "open", "--train.validation", "6", "--train.batch-size", "8", "--train.threads", "1"]
    assert main([*command, *settings]) == 0
    assert f"wrote {out} (open): gaze " in capsys.readouterr().out
    facts = EyeReader(out).facts
    assert facts["licence"] == "open"
    assert facts["pictures"] == 16
    assert set(facts["errors"]) == {"gaze", "lids", "gaze_told", "lids_told"}


def test_too_few_pictures_are_said(write_set: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = write_set(tmp_path / "set")  # type: ignore[operator]
    assert main(["train-eyes", "--shards", str(manifest), "--out", str(tmp_path / "eyes.onnx")]) == 1
    assert "512 pictures are to be held out, but there are only 12" in capsys.readouterr().err
    assert not (tmp_path / "eyes.onnx").exists()
