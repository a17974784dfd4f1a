"""`rdr plot` on takes that are written here: what the curves hold, and that picture, page and recording are real."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar_bridge.cli import main
from avatar_bridge.messages import FaceFrame
from avatar_bridge.plot.curves import read_curves
from avatar_bridge.plot.page import write_page
from avatar_bridge.recording import Recorder, TakeFacts

NAME = "</script><b>take.mcap"


@pytest.fixture
def take(tmp_path: Path, make_frame: Callable[..., FaceFrame]) -> Path:
    """Two seconds with raw frames, lost from frame 20 to 29; a second face that is seen for less long."""
    path = tmp_path / "take.mcap"
    with Recorder(path, "test", "clip.mp4", facts=TakeFacts(smoothing="strong")) as recorder:
        for seq in range(51):
            seen = {"tracked": not 20 <= seq < 30}
            recorder.write(make_frame(seq, euler_rad=[0.2, 0, 0], **seen), raw=True)
            recorder.write(make_frame(seq, euler_rad=[0.1, 0, 0], **seen))
            if seq < 20:
                recorder.write(make_frame(seq, face_id=4))
    return path


def test_curves(take: Path) -> None:
    found = read_curves(take)
    assert [face.face_id for face in found.faces] == [0, 4]
    first, second = found.faces
    pitch = next(curve for curve in first.curves if curve.name == "pitch")
    assert len(first.curves) == 46 + 7
    assert pitch.unit == "degrees"
    assert np.isnan(pitch.filtered[20:30]).all()
    assert pitch.filtered[:20] == pytest.approx(np.degrees(0.1))
    assert pitch.raw is not None
    assert pitch.raw[:20] == pytest.approx(np.degrees(0.2))
    assert first.seconds[-1] == pytest.approx(2.0)
    assert [(span.start_s, span.end_s) for span in first.lost] == [pytest.approx((0.76, 1.2))]
    assert all(curve.raw is None for curve in second.curves)
    assert found.lag_ms["mouth"] > 5
    assert "confidence" not in found.lag_ms


def test_picture_and_page(take: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="the extra `plot`")
    picture, page = tmp_path / "new" / "a.png", tmp_path / "new" / "a.html"
    assert main(["plot", str(take), "--out", str(picture), str(page)]) == 0
    assert "wrote" in capsys.readouterr().out
    image = cv2.imread(str(picture))
    assert image.shape[1] > 1000
    grey = (np.abs(image.astype(int) - image.mean(axis=2, keepdims=True)) < 1).all(axis=2) & (image[..., 0] < 240)
    assert grey[:, 300:800].mean() > 0.05, "the lost span is grey"
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)\s*=|https?://|@import|fetch\(", text), "nothing is fetched"
    assert {path.name for path in page.parent.iterdir()} == {"a.png", "a.html"}


def test_page_holds_the_numbers(take: Path, tmp_path: Path) -> None:
    found = read_curves(take)
    object.__setattr__(found, "name", NAME)
    write_page(tmp_path / "a.html", found)
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert NAME not in text
    assert text.count("</script>") == 2
    stored = json.loads(re.search(r'type="application/json">(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
    assert stored["name"] == NAME
    for face, shown in zip(found.faces, stored["faces"], strict=True):
        for curve, kept in zip(face.curves, shown["curves"], strict=True):
            levels = np.frombuffer(base64.b64decode(kept["filtered"]["levels"]), "<u2").astype(float)
            low, step = kept["filtered"]["low"], kept["filtered"]["step"]
            values = np.where(levels > 0, low + (levels - 1) * step, np.nan)
            np.testing.assert_allclose(values, curve.filtered, atol=max(step, 1e-6))


def test_recording_for_rerun(take: Path, tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="the extra `rerun`")
    out = tmp_path / "a.rrd"
    program = "from avatar_bridge.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", program, "plot", str(take), "--rerun", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes()[:4] == b"RRF2"
    printed = subprocess.run(
        [sys.executable, "-m", "rerun", "rrd", "print", str(out)],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    for entity in ("face_0/head/pitch/filtered", "face_0/head/pitch/raw", "face_4/mouth/MouthFunnel/filtered"):
        assert entity in printed.stdout


def test_without_rerun(
    take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    assert main(["plot", str(take), "--rerun", str(tmp_path / "a.rrd")]) == 1
    assert "needs the package rerun-sdk: install the extra `rerun`" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["take.mcap"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "a.svg"], "must end in .png or .html"),
        (["--shapes", "Nose"], "no curve Nose"),
        (["--face", "9"], "no face 9; there are 0, 4"),
        (["--video", "clip.mp4"], "is for --rerun"),
    ],
)
def test_errors(arguments: list[str], said: str, take: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", str(take), *arguments]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_take_without_a_face(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Recorder(tmp_path / "empty.mcap", "test"):
        pass
    assert main(["plot", str(tmp_path / "empty.mcap")]) == 1
    assert "has no face in it" in capsys.readouterr().err
