"""The commands of rdr_core through `rdr`: what they write, and one line and exit code 1 where they cannot."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from avatar_bridge.cli.main import main
from rdr_core.cli import COMMANDS
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.geometry.weak_perspective import project
from rdr_core.modeling.build import RdrConfig
from rdr_core.modeling.rdr import RDR
from rdr_core.training.checkpoint import load_checkpoint, prefixed, save_checkpoint
from rdr_core.training.targets import TargetTable


@pytest.fixture
def weights(tiny_network: RDR, tiny_config: RdrConfig, tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_checkpoint(path, tiny_config, prefixed("network.", tiny_network), {})
    return path


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    """A folder with two pictures and no face."""
    folder = tmp_path / "grey"
    folder.mkdir()
    for name in ("a.png", "b.jpg"):
        cv2.imwrite(str(folder / name), np.full((90, 120, 3), 128, np.uint8))
    return folder


@pytest.fixture
def manifest(grey: Path, face_model: DynamicExpressionModel) -> Path:
    """Two annotated faces, as landmarks only: the pictures are grey."""
    points = face_model.face()[face_model.topology.landmarks].astype(np.float64)
    rows = [
        {
            "image": name,
            "pts68": project(points, np.array([0, yaw, 0.1]), np.array([60.0, 45.0]), np.float64(3))[:, :2].tolist(),
        }
        for name, yaw in (("a.png", 0.0), ("b.jpg", 0.1))
    ]
    path = grey / "faces.json"
    path.write_text(json.dumps(rows))
    return path


def fails(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """Run a command that must fail: returns its one line."""
    assert main([str(a) for a in arguments]) == 1
    printed = capsys.readouterr()
    lines = [line for line in printed.err.splitlines() if line.strip()]
    assert len(lines) == 1, printed.err
    assert lines[0].startswith("error: ")
    assert printed.out == ""
    return lines[0]


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "avatar_bridge.cli", command, "--help"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"rdr {command}" in done.stdout
    assert "--out" in done.stdout or command in ("train", "shards", "quantize")
    assert done.stderr == ""


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_unknown_options_are_refused(command: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--no-such-option"])
    assert caught.value.code == 2


def test_predict(weights: Path, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, overlays = tmp_path / "out" / "p.npz", tmp_path / "overlays"
    arguments = [
        "--images",
        manifest,
        "--boxes",
        "manifest",
        "--out",
        out,
        "--weights",
        weights,
        "--overlays",
        overlays,
    ]
    assert main(["predict", *map(str, arguments)]) == 0
    assert "found 2 of 2 faces" in capsys.readouterr().out
    with np.load(out) as file:
        assert file["names"].tolist() == ["a.png", "b.jpg"]
        assert np.isfinite(file["landmarks"]).all()
    assert len(list(overlays.iterdir())) == 2


def test_predict_says_what_is_wrong(
    weights: Path, manifest: Path, grey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "p.npz"

    def wrong(images: Path, *more: Any) -> str:
        return fails(capsys, "predict", "--images", images, "--out", out, "--weights", weights, *more)

    assert "no such manifest" in wrong(tmp_path / "none.json")
    (tmp_path / "empty").mkdir()
    assert "no pictures in this folder" in wrong(tmp_path / "empty")
    assert "no face was found" in wrong(grey)
    assert "no `bbox_xyxy` in the manifest" in wrong(grey, "--boxes", "manifest")
    (grey / "c.png").write_bytes(b"no picture")
    assert "not a picture that can be read" in wrong(grey)
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "not a whole weights file" in wrong(manifest)
    weights.unlink()
    assert "no such weights file" in wrong(manifest)
    assert "no paper network is shipped" in fails(
        capsys, "predict", "--images", manifest, "--out", out, "--preset", "paper"
    )
    assert not out.exists()


def test_fit(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "fits.npz"
    assert main(["fit", str(manifest), "--out", str(out), "--jobs", "1"]) == 0
    assert "dropped 0 of 4" in capsys.readouterr().out
    table = TargetTable.load(out)
    assert len(table) == 4
    assert table.mirrored.sum() == 2
    assert table.error.max() < 0.01


def test_fit_says_what_is_wrong(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "fits.npz"
    rows = json.loads(manifest.read_text())
    shuffled = np.random.default_rng(0).permutation(68)
    for row in rows:
        row["pts68"] = np.array(row["pts68"])[shuffled].tolist()
    manifest.write_text(json.dumps(rows))
    assert "are the landmarks in iBUG-68 order" in fails(capsys, "fit", manifest, "--out", out, "--jobs", 1)
    manifest.write_text(json.dumps([{"image": "a.png"}]))
    assert "has no landmarks to fit" in fails(capsys, "fit", manifest, "--out", out, "--jobs", 1)
    assert "no such manifest" in fails(capsys, "fit", tmp_path / "none.json", "--out", out)
    assert not out.exists()


def test_eval_says_what_is_wrong(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "eval"
    assert "no such manifest" in fails(capsys, "eval", "--data", tmp_path, "--weights", weights, "--out", out)
    monkeypatch.delenv("RDR_DATA", raising=False)
    assert "RDR_DATA is not set" in fails(capsys, "eval", "--weights", weights, "--out", out)
    monkeypatch.setenv("RDR_DATA", str(tmp_path / "none"))
    assert "is no folder" in fails(capsys, "eval", "--weights", weights, "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sets", "pifa"], "name your copy with --folder pifa=PATH"),
        (["--sets", "synth"], "synth needs pictures: --shards FOLDER"),
        (["--folder", "lfw=x"], "--folder takes SET=PATH with SET one of 300w, aflw2000, aflw21, pifa, got 'lfw=x'"),
        (["--folder", "300w"], "--folder takes SET=PATH"),
        (["--folder", "300w=none"], "--folder 300w=none: no such folder"),
        (["--folder", "300w=.", "--sets", "aflw2000"], "300w is given but not among --sets aflw2000"),
        (["--shards", "none.json"], "no such manifest of shards"),
    ],
)
def test_eval_says_which_option_is_wrong(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    out = tmp_path / "eval"
    assert message in fails(capsys, "eval", "--weights", weights, "--out", out, *options)
    assert not out.exists()


def test_eval_on_shards(
    weights: Path, write_set: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No data folder is needed; with weights for torch each step is known."""
    monkeypatch.delenv("RDR_DATA", raising=False)
    out = tmp_path / "eval"
    assert (
        main(["eval", "--shards", str(write_set(tmp_path / "set")), "--weights", str(weights), "--out", str(out)]) == 0
    )
    scores = json.loads((out / "scores.json").read_text())["Synthetic people (box)"]
    assert scores["faces"] == 10
    assert {f"3D {what} step {k} %" for what in ("posed", "expressive", "neutral") for k in range(3)} <= set(scores)
    names = {"scores.json", "tables.md", "synthetic_people.csv", "synthetic_people_expressions.csv",
             "synthetic_people_curve.png"}  # fmt: skip
    assert {path.name for path in out.iterdir()} == names
    assert "mean of 46" in capsys.readouterr().out


def test_eval_on_a_published_folder(
    weights: Path, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RDR_DATA", raising=False)
    for row, place in zip(json.loads(manifest.read_text()), ("ibug", "helen/testset"), strict=True):
        folder = tmp_path / "300W" / place
        folder.mkdir(parents=True)
        (folder / row["image"]).write_bytes((manifest.parent / row["image"]).read_bytes())
        points = "\n".join(f"{x + 0.5} {y + 0.5}" for x, y in row["pts68"])
        (folder / row["image"]).with_suffix(".pts").write_text(f"version: 1\nn_points: 68\n{{\n{points}\n}}\n")
    out = tmp_path / "eval"
    assert main(["eval", "--folder", f"300w={tmp_path / '300W'}", "--weights", str(weights), "--out", str(out)]) == 0
    scores = json.loads((out / "scores.json").read_text())["300-W full (inter-ocular)"]
    assert scores["faces"] == 2
    mean = (scores["NME S, common"] + scores["NME S, challenging"]) / 2
    assert scores["NME S, full"] == scores["NME S"] == pytest.approx(mean, abs=1e-3)
    printed = capsys.readouterr().out
    assert "HRNetV2-W18" in printed
    assert "this network, landmarks S" in printed


def test_eval(weights: Path, tmp_path: Path, manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On a data folder of two faces, named as 300-W's subsets are."""
    faces = tmp_path / "faces"
    (faces / "300w_common").mkdir(parents=True)
    rows = json.loads(manifest.read_text())
    for row, name in zip(rows, ("LFPW_a.png", "HELEN_b.jpg"), strict=True):
        (faces / "300w_common" / name).write_bytes((manifest.parent / row["image"]).read_bytes())
        row["image"] = f"300w_common/{name}"
    (faces / "300w_common.json").write_text(json.dumps(rows))
    out = tmp_path / "eval"
    arguments = ["eval", "--data", tmp_path, "--weights", weights, "--out", out, "--sets", "300w"]
    assert main([str(a) for a in arguments]) == 0
    scores = json.loads((out / "scores.json").read_text())["300-W common (inter-ocular)"]
    assert scores["faces"] == 2
    assert scores["NME S"] == scores["NME S step 2"] > 0
    assert "NME S inter-pupil" in capsys.readouterr().out
    assert "| HRNetV2-W18 | 2.91 | 5.11 | 3.34 |" in (out / "tables.md").read_text()


def test_train_goes_from_a_manifest_to_weights(drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fits, trains two steps of the live preset, writes weights that say where they come from."""
    (tmp_path / "data").mkdir()
    run = tmp_path / "run"
    options = {
        "--manifest": drawn, "--data": tmp_path / "data", "--out": run, "--licence": "mine", "--train.steps": 2,
        "--train.every": 2, "--train.batch-size": 2, "--train.validation": 1, "--train.device": "cpu",
    }  # fmt: skip
    assert main(["train", "live", *(str(part) for pair in options.items() for part in pair)]) == 0
    assert "next: rdr eval --weights" in capsys.readouterr().out
    info = load_checkpoint(run / "weights.safetensors").info
    assert (info["step"], info["licence"], info["preset"]) == (2, "mine", "live")
    assert len(TargetTable.load(run / "fits.npz")) == 8
    options |= {"--fits": run / "fits.npz", "--out": tmp_path / "large", "--start-from": run / "weights.safetensors"}
    assert main(["train", "live", "--crop-size", "160", *(str(part) for pair in options.items() for part in pair)]) == 0
    large = load_checkpoint(tmp_path / "large" / "weights.safetensors").config
    assert large == replace(load_checkpoint(run / "weights.safetensors").config, crop_size=160)


def test_train_on_shards_alone(
    write_set: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No data folder and no fits; the weights carry the shards' licence."""
    monkeypatch.delenv("RDR_DATA", raising=False)
    manifest, other = write_set(tmp_path / "a"), write_set(tmp_path / "b", "other", licence="mine")
    run = tmp_path / "run"
    options = {
        "--mix": 1, "--out": run, "--train.steps": 2, "--train.every": 2, "--train.batch-size": 4,
        "--train.validation": 4, "--train.device": "cpu",
    }  # fmt: skip
    arguments = ["--shards", manifest, f"{other.parent}=0.25", *(part for pair in options.items() for part in pair)]
    assert main(["train", "live", *map(str, arguments)]) == 0
    info = load_checkpoint(run / "weights.safetensors").info
    assert info["licence"] == "mine"
    assert info["data"] == ["shards drawn: 12 pictures, 80% of the rows", "shards other: 12 pictures, 20% of the rows"]
    assert "pictures_per_s" in (run / "log.csv").read_text()
    assert "next: rdr eval --weights" in capsys.readouterr().out
    assert not (run / "fits.npz").exists()
    message = fails(capsys, "train", "live", "--shards", tmp_path / "none.json", "--mix", 1, "--out", run)
    assert "no such manifest of shards" in message
    message = fails(capsys, "train", "live", "--shards", f"{manifest}=0", "--mix", 1, "--out", run)
    assert "a weight of 0 shows none of them" in message
    with pytest.raises(SystemExit):
        main(["train", "live", "--shards", str(manifest), "--mix", "1.5", "--out", str(run)])
    assert "mix is a share over 0 and up to 1, got 1.5" in capsys.readouterr().err


def test_shards_and_faces(write_set: Any, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half of each batch from either; research-only faces make research-only weights."""
    (tmp_path / "data").mkdir()
    options = {
        "--shards": write_set(tmp_path / "set"), "--manifest": drawn, "--data": tmp_path / "data", "--out": tmp_path,
        "--train.steps": 1, "--train.every": 1, "--train.batch-size": 2, "--train.validation": 1,
        "--train.device": "cpu",
    }  # fmt: skip
    assert main(["train", "live", *(str(part) for pair in options.items() for part in pair)]) == 0
    info = load_checkpoint(tmp_path / "weights.safetensors").info
    assert info["licence"] == "research-only"
    assert info["data"][1:] == ["shards drawn: 12 pictures, 50% of the rows"]


def test_shards(write_set: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = write_set(tmp_path / "set")
    sheet = tmp_path / "sheet.jpg"
    assert main(["shards", "show", str(manifest), "--sheet", str(sheet), "--cells", "9", "--landmarks"]) == 0
    printed = capsys.readouterr().out
    assert "drawn: 3 shards, 12 samples, 10 with a face" in printed
    assert "licence open" in printed
    assert "in 10 labels: residual 0.00% of the face box, 100% of landmarks visible" in printed
    assert sum(float(line.split("%")[0].split()[-1]) for line in printed.splitlines() if " to " in line) > 99
    picture = cv2.imread(str(sheet))
    assert picture.shape == (3 * 130 - 2, 3 * 130 - 2, 3)
    assert main(["shards", "verify", str(tmp_path / "set")]) == 0
    assert "3 shards, 12 samples: all as recorded" in capsys.readouterr().out
    tar = tmp_path / "set" / "drawn-000001.tar"
    tar.write_bytes(tar.read_bytes().replace(b"drawn", b"drowned"[:5], 1))
    assert main(["shards", "verify", str(manifest)]) == 1
    printed = capsys.readouterr()
    assert f"{tar}: its content is not that of the manifest (SHA-256)" in printed.out
    assert "1 problems in 3 shards" in printed.err


@pytest.fixture
def drawn(face_model: DynamicExpressionModel, draw_face: Any, tmp_path: Path) -> Path:
    """A manifest of four drawn faces."""
    from rdr_core.types import Pose

    rows = []
    for number in range(4):
        euler = np.array([0.0, 0.3 * number - 0.4, 0.0], np.float32)
        picture, shape = draw_face(Pose(euler, np.array([80, 85, 0], np.float32), 4.5), size=160, seed=number)
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
        rows.append({"image": f"{number}.png", "pts68": shape.tolist()})
    (tmp_path / "drawn.json").write_text(json.dumps(rows))
    return tmp_path / "drawn.json"


def test_train_says_what_is_wrong(drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    data = ("--data", tmp_path)
    message = fails(capsys, "train", "live", "--manifest", tmp_path / "none.json", "--out", run, *data)
    assert "no such manifest" in message
    (tmp_path / "fits.npz").write_bytes(b"no table")
    arguments = ("train", "live", "--manifest", drawn, "--out", run, *data)
    assert "not a table of fits" in fails(capsys, *arguments, "--fits", tmp_path / "fits.npz")
    assert "crop_size must be a positive multiple of 32, got 100" in fails(capsys, *arguments, "--crop-size", 100)


def test_export_says_what_is_wrong(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "net"
    assert "no such weights file" in fails(capsys, "export", tmp_path / "none.safetensors", "--out", out)
    assert "would be overwritten" in fails(capsys, "export", weights, "--out", weights.with_suffix(""))
    weights.write_bytes(weights.read_bytes()[:-100])
    assert "not a whole weights file" in fails(capsys, "export", weights, "--out", out)
    assert not out.with_suffix(".onnx").exists()


def test_quantize(manifest: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "net"
    assert main(["export", str(weights), "--out", str(out)]) == 0
    assert main(["quantize", f"{out}.onnx", "--images", str(manifest), "--boxes", "manifest"]) == 0
    assert f"wrote {out}.int8.onnx" in capsys.readouterr().out
    faces = tmp_path / "faces.npz"
    predict = ["predict", "--images", str(manifest), "--boxes", "manifest", "--out", str(faces), "--precision", "int8"]
    assert main([*predict, "--weights", f"{out}.onnx"]) == 0
    assert np.isfinite(np.load(faces)["landmarks"]).all()


def test_quantize_says_what_is_wrong(tmp_path: Path, manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--images FOLDER" in fails(capsys, "quantize", tmp_path / "a.onnx")
    assert "make it with rdr export" in fails(capsys, "quantize", tmp_path / "a.onnx", "--images", manifest)


def test_bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", "--rounds", "20", "--threads", "1", "--batch", "1", "2", "--out", str(tmp_path / "b.json")]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "float x1" in printed
    assert "int8 x1 batch 2" in printed
    written = json.loads((tmp_path / "b.json").read_text())
    rows = [(row["device"], row["precision"], row["threads"], row["batch"]) for row in written["variants"]]
    assert rows == [("cpu", kind, 1, size) for kind in ("float", "int8") for size in (1, 2)]
    assert written["tracking_takes"] in ("float", "int8")


def test_bench_says_what_is_wrong(grey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "at least 20" in fails(capsys, "bench", "--rounds", "3")
    assert "--batch 1" in fails(capsys, "bench", "--batch", "0")
    assert "no face was found" in fails(capsys, "bench", "--image", grey / "a.png")
    assert "no picture" in fails(capsys, "bench", "--image", tmp_path / "none.png")
