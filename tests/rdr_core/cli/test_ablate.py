"""`rdr ablate` on networks and sets so small that it takes seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from avatar_bridge.cli.main import main
from rdr_core.cli.ablate import AblateOptions
from rdr_core.errors import ConfigError
from rdr_core.modeling.build import PRESETS, RdrConfig
from rdr_core.modeling.rdr import RDR
from rdr_core.training.checkpoint import load_checkpoint, prefixed, save_checkpoint


@pytest.fixture
def arguments(
    tiny_config: RdrConfig, write_set: Any, benchmark_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Two refinement steps and two training steps of the tiny network, on shards alone."""
    monkeypatch.setitem(PRESETS, "live", tiny_config)
    options = {
        "--out": tmp_path / "out", "--data": benchmark_folder, "--shards": write_set(tmp_path / "set"), "--mix": 1,
        "--k": 2, "--train.steps": 2, "--train.every": 2, "--train.batch-size": 2, "--train.validation": 2,
        "--train.device": "cpu", "--train.warmup": 1,
    }  # fmt: skip
    return ["ablate", *(str(part) for pair in options.items() for part in pair)]


def test_ablate(
    arguments: list[str],
    tiny_network: RDR,
    tiny_config: RdrConfig,
    write_set: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Stopped by the time and started again; a variant that is added later does not train the others again."""
    save_checkpoint(tmp_path / "w.safetensors", tiny_config, prefixed("network.", tiny_network), {})
    test_set = write_set(tmp_path / "test", "other", counts=(6, 6))
    arguments += ["--start-from", str(tmp_path / "w.safetensors"), "--test-shards", str(test_set)]
    assert main([*arguments, "--minutes", "1e-6"]) == 0
    assert "time is over: 0 of 3 variants are done; the same command goes on" in capsys.readouterr().out
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    for claim in (
        "Dual-2D < Dual-3D < PoseExp-3D after step 2: ",
        "direct start < mean start at every k (Dual-3D < Mean-3D): ",
        "error falls with k (Dual-2D): ",
        "3D reconstruction: ",
    ):
        assert f"\n{claim}" in printed
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {
        "dual", "mean", "pose-exp", "ablation.md", "ablation.json", "ablation.csv", "figure4.png",
    }  # fmt: skip
    stored = json.loads((out / "ablation.json").read_text())
    assert [result["label"] for result in stored["results"]] == ["Direct-Dual", "Mean-Dual", "Direct-PoseExp"]
    assert stored["recipe"]["train"]["steps"] == 2
    assert load_checkpoint(out / "mean" / "weights.safetensors").config.start == "mean"
    before = {name: (out / name / "weights.safetensors").stat().st_mtime_ns for name in ("dual", "mean", "pose-exp")}
    assert main([*arguments, "--figure4", "--variants", "dual", "shared+k-1"]) == 0
    after = {name: (out / name / "weights.safetensors").stat().st_mtime_ns for name in before}
    assert before == after
    assert "Direct-Dual (shared, k-1)-2D" in (out / "ablation.md").read_text()
    assert main([*arguments, "--train.seed", "1"]) == 1
    assert "holds a variant trained otherwise (train): give another --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--variants", "huge"], "no variant 'huge'; there are dual, mean"),
        (["--k", "0"], "steps"),
        (["--data", "none"], "no such manifest"),
        (["--start-from", "none.safetensors"], "no such weights file"),
        (["--test-shards", "none"], "no shards here"),
    ],
)
def test_says_what_is_wrong(
    arguments: list[str], more: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, *more]) == 1
    printed = capsys.readouterr()
    assert message in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_test_shards_are_not_trained_on(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even under another name: their content tells."""
    assert main([*arguments, "--test-shards", str(tmp_path / "set")]) == 1
    assert "are for testing, but" in capsys.readouterr().err


def test_several_processes_are_refused(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(arguments) == 1
    assert "start it without torchrun" in capsys.readouterr().err


def test_choice() -> None:
    def names(**options: Any) -> list[str]:
        return [variant.name for variant in AblateOptions(**options).chosen()]

    assert names() == names(figure4=True) == ["dual", "mean", "pose-exp"]
    assert names(variants=("k-3",)) == ["k-3"]
    assert names(variants=("k-3", "mean", "k-3"), figure4=True) == ["dual", "mean", "pose-exp", "k-3"]
    assert all(variant.config.steps == 5 for variant in AblateOptions(preset="live").chosen())
    assert AblateOptions(k=2, preset="paper").chosen()[0].config.crop_size == 256
    with pytest.raises(ConfigError, match="mix is a share"):
        AblateOptions(mix=2)
