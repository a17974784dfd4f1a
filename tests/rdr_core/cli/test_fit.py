"""`rdr fit` as a process: killed, interrupted, robbed of a worker; and what it writes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from avatar_bridge.cli.main import main
from rdr_core.data.label import FaceLabel
from rdr_core.data.manifest import read_faces
from rdr_core.data.shard import pack_shard
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.geometry.weak_perspective import project
from rdr_core.training.fit_faces import fit_samples
from rdr_core.training.targets import TargetTable

PATIENCE_S = 60.0
Start = Callable[..., "subprocess.Popen[str]"]


def imitation(face_model: DynamicExpressionModel, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows of a manifest: landmarks of drawn poses with the noise of a hand."""
    rng = np.random.default_rng(seed)
    points = face_model.face()[face_model.topology.landmarks].astype(np.float64)
    rows = []
    for number in range(count):
        euler = rng.uniform([-0.2, -0.3, -0.3], [0.2, 0.3, 0.3])
        shape = project(points, euler, np.array([90.0, 90.0]), np.float64(6))[:, :2] + rng.normal(size=(68, 2))
        rows.append({"image": f"{number}.png", "pts68": shape.tolist()})
    return rows


@pytest.fixture(scope="module")
def many(face_model: DynamicExpressionModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest that takes some seconds."""
    path = tmp_path_factory.mktemp("many") / "many.json"
    path.write_text(json.dumps(imitation(face_model, 120)))
    return path


@pytest.fixture(scope="module")
def undisturbed(many: Path) -> Path:
    """Its fits, made in this process."""
    path = many.with_name("undisturbed.npz")
    fit_samples(read_faces(many), jobs=1).save(path)
    return path


@pytest.fixture
def start() -> Iterator[Start]:
    """Start `rdr fit` in a process group of its own, as a terminal does; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "avatar_bridge.cli", "fit", *map(str, arguments)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        return process

    yield run
    for process in started:
        with process:
            process.kill()


def fitted(start: Start, *arguments: object) -> str:
    process = start(*arguments)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, "")
    return out


def wait_for_part(out: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not list(out.with_name(out.name + ".partial").glob("part-*.npz")):
        assert time.monotonic() < deadline, "no part was written"
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """Processes that do the work; multiprocessing's resource tracker is none."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            command = (stat.parent / "cmdline").read_bytes()
        except OSError:  # it ended meanwhile
            continue
        if parent == pid and b"spawn_main" in command:
            found.append(int(stat.parent.name))
    return found


def same(one: Path, other: Path) -> None:
    a, b = TargetTable.load(one), TargetTable.load(other)
    for column in TargetTable.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(a, column), getattr(b, column))


def test_killed_interrupted_and_resumed(start: Start, many: Path, undisturbed: Path, tmp_path: Path) -> None:
    """kill -9, then Ctrl-C, then to the end: the table is that of an undisturbed run."""
    out = tmp_path / "fits.npz"
    arguments = (many, "--jobs", 2, "--no-mirror", "--out", out)
    killed = start(*arguments)
    wait_for_part(out)
    workers = children(killed.pid)
    assert workers or sys.platform != "linux"
    killed.kill()
    killed.communicate(timeout=PATIENCE_S)
    assert not out.exists()
    deadline = time.monotonic() + PATIENCE_S
    while any(Path(f"/proc/{pid}/stat").exists() for pid in workers):
        assert time.monotonic() < deadline, "workers outlive their parent"
        time.sleep(0.02)

    parts = sorted((tmp_path / "fits.npz.partial").glob("part-*.npz"))
    interrupted = start(*arguments)
    while sorted((tmp_path / "fits.npz.partial").glob("part-*.npz")) == parts:
        assert interrupted.poll() is None, "it was too fast to be interrupted"
        time.sleep(0.02)
    os.killpg(interrupted.pid, signal.SIGINT)
    printed, err = interrupted.communicate(timeout=PATIENCE_S)
    assert (interrupted.returncode, printed) == (130, "")
    assert err.splitlines() == [
        f"what was fitted is kept in {out}.partial: the same command goes on from there", "stopped"
    ]  # fmt: skip
    assert not out.exists()

    assert f"went on from {out}.partial: " in fitted(start, *arguments)
    same(out, undisturbed)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("fits")) == [
        "fits.npz", "fits_report"
    ]  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_a_killed_worker_costs_nothing(start: Start, many: Path, undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "fits.npz"
    process = start(many, "--jobs", 2, "--no-mirror", "--out", out)
    wait_for_part(out)
    os.kill(children(process.pid)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, "")
    same(out, undisturbed)


def test_other_faces_are_not_mixed_in(
    face_model: DynamicExpressionModel, tmp_path: Path, start: Start, many: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "fits.npz"
    process = start(many, "--jobs", 2, "--out", out)
    wait_for_part(out)
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    other = tmp_path / "other.json"
    other.write_text(json.dumps(imitation(face_model, 2, seed=1)))
    assert main(["fit", str(other), "--out", str(out), "--jobs", "1"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "keeps an unfinished fit of other faces" in line


def test_filter_broken_faces_and_report(
    face_model: DynamicExpressionModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of five faces one is scattered, one collapsed."""
    rows = imitation(face_model, 5)
    rows[1]["pts68"] = np.random.default_rng(0).permutation(rows[1]["pts68"]).tolist()
    rows[3]["pts68"] = [[5.0, 5.0]] * 68
    cv2.imwrite(str(tmp_path / "0.png"), np.full((180, 180, 3), 90, np.uint8))
    manifest, out, report = tmp_path / "faces.json", tmp_path / "fits.npz", tmp_path / "new" / "report"
    manifest.write_text(json.dumps(rows))
    command = ["fit", str(manifest), "--out", str(out), "--jobs", "1", "--max-error", "0.1", "--report", str(report)]

    assert main(command) == 1
    assert capsys.readouterr().err == "error: 3.png: has landmarks that span less than a pixel\n"
    assert not any(path.name.startswith("fits") for path in tmp_path.iterdir())

    assert main([*command, "--broken", "skip"]) == 0
    printed = capsys.readouterr().out
    assert "1 of 5 faces could not be fitted: see" in printed
    assert "dropped 2 of 8 over 10%" in printed
    assert sorted(set(TargetTable.load(out).names)) == ["0.png", "2.png", "4.png"]
    summary = json.loads((report / "fits.json").read_text())
    assert (summary["faces"], summary["faces_not_fitted"], summary["fits"], summary["fits_kept"]) == (5, 1, 8, 6)
    assert summary["share_dropped"] == 0.4
    with (report / "dropped.csv").open(newline="", encoding="utf-8") as file:
        dropped = list(csv.DictReader(file))
    assert [(row["name"], row["mirrored"]) for row in dropped] == [("1.png", "0"), ("1.png", "1"), ("3.png", "")]
    assert cv2.imread(str(report / "worst.jpg")) is not None


def test_shards(face_model: DynamicExpressionModel, tmp_path: Path) -> None:
    jpeg = cv2.imencode(".jpg", np.full((180, 180, 3), 90, np.uint8))[1].tobytes()
    members = []
    for number, row in enumerate(imitation(face_model, 3)):
        shape = np.array(row["pts68"], np.float32)
        own, zeros = np.concatenate([shape, shape[:, :1]], axis=1), np.zeros
        label = FaceLabel(
            shape, shape, own, np.ones(68, bool), zeros(3, np.float32), zeros(3, np.float32), 6.0,
            zeros(50, np.float32), zeros(46, np.float32), 0.0,
        )  # fmt: skip
        members.append((f"k{number}", jpeg, label))
    pack_shard(tmp_path / "s-000000.tar", members[:2])
    pack_shard(tmp_path / "s-000001.tar", members[2:])
    out, shards = tmp_path / "fits.npz", [str(tmp_path / f"s-00000{n}.tar") for n in range(2)]
    assert main(["fit", *shards, "--out", str(out), "--jobs", "1", "--no-mirror"]) == 0
    table = TargetTable.load(out)
    assert table.names.tolist() == ["s-000000/k0", "s-000000/k1", "s-000001/k2"]
    np.testing.assert_allclose(table.shape[2], members[2][2].shape, atol=1e-3)
    assert table.error.max() < 0.02


def test_options_that_contradict_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, expected in (
        (["--address", "auto"], "add --engine ray"),
        (["--layout", "300w"], "give the folder"),
        (["--jobs", "-1"], "-1"),
    ):
        assert main(["fit", "--out", str(tmp_path / "fits.npz"), *options]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert expected in line
    assert list(tmp_path.iterdir()) == []
