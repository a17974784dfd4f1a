from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from avatar_bridge.cli import main
from avatar_bridge.messages import FaceFrame
from avatar_bridge.recording import Recorder, TakeFacts, read_take

MakeFrame = Callable[..., FaceFrame]


@pytest.fixture
def folder(tmp_path: Path, make_frame: MakeFrame) -> Path:
    """Return a folder with a whole take, one that was cut off, one of a newer program, and something else."""
    facts = TakeFacts(user="anna", smoothing="strong", network="live.onnx", network_sha256="ab12" * 16)
    with Recorder(
        tmp_path / "whole.mcap", "test", "clip.mp4", notes={"actor": "an\x1b[31mna"}, facts=facts
    ) as recorder:
        for seq in range(51):
            recorder.write(make_frame(seq, tracked=not 20 <= seq < 30), raw=True)
            recorder.write(make_frame(seq, tracked=not 20 <= seq < 30))
    whole = (tmp_path / "whole.mcap").read_bytes()
    (tmp_path / "cut.mcap.partial").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "newer.mcap").write_bytes(
        whole.replace(b"\x08\0\0\0protocol\x01\0\0\x001", b"\x08\0\0\0protocol\x01\0\0\x002")
    )
    (tmp_path / "notes.txt").write_text("not a take")
    (tmp_path / "video.mcap").write_bytes(b"not a take either")
    return tmp_path


def lines(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    assert main(["takes", *map(str, arguments)]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_folder_is_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = lines(capsys, folder)
    assert [line.split()[0] for line in listed] == [
        "take",
        "cut.mcap.partial",
        "newer.mcap",
        "video.mcap",
        "whole.mcap",
    ]
    assert listed[1].endswith("cut off")
    assert "protocol version '2'" in listed[2]
    assert "is no take" in listed[3]
    for word in ("2.0 s", "51", "25.00", "yes", "anna", "whole"):
        assert word in listed[4]


def test_one_take_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {line[:11].strip(): line[11:] for line in lines(capsys, folder / "whole.mcap")}
    assert rows["take"].startswith("whole.mcap: whole, 0.0")
    assert rows["source"] == "clip.mp4"
    assert rows["network"] == "live.onnx, SHA-256 " + "ab12" * 16
    assert rows["smoothing"] == "strong"
    assert rows["user"] == "anna"
    assert rows["actor"] == "an [31mna"  # what a file says cannot colour the terminal
    assert rows["length"] == "2.00 s, 51 pictures, 25.00 fps"
    assert rows["frames"] == "51, 51 raw beside them, 0 missed"
    assert rows["face 0"] == "seen in 41 of 51 frames, 0.00 to 2.00 s, lost once for 0.44 s: 0.76 to 1.20"


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads("\n".join(lines(capsys, folder / "whole.mcap", "--json")))
    assert (found["frames"], found["state"], found["metadata"]["user"]) == (51, "whole", "anna")
    assert found["faces"][0]["lost"] == [{"start_s": 0.76, "end_s": 1.2}]
    listed = json.loads("\n".join(lines(capsys, folder, "--json")))
    assert [row.get("state") for row in listed] == ["cut off", None, None, "whole"]


def test_the_cut_takes_of_a_folder_are_repaired(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = list(read_take(folder / "cut.mcap.partial"))
    said = lines(capsys, "--repair", folder)
    assert said[-1].startswith(f"repaired {folder / 'cut.mcap'}: ")
    assert sum(line.startswith("repaired") for line in said) == 1
    assert list(read_take(folder / "cut.mcap")) == before
    assert (folder / "cut.mcap.cut").exists()
    assert lines(capsys, "--repair", folder)[-1] == "every take is whole: there is nothing to repair"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["none.mcap"], "no such take or folder"),
        (["video.mcap"], "is no take"),
        (["newer.mcap"], "update the older one"),
        (["--repair", "whole.mcap"], "is whole"),
    ],
)
def test_errors_are_one_line(
    folder: Path, arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["takes", *(a if a.startswith("-") else str(folder / a) for a in arguments)]) == 1
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 1
    assert err[0].startswith("error: ")
    assert error in err[0]


def test_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no takes in" in lines(capsys, tmp_path)[0]
