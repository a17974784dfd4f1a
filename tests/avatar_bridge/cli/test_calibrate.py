"""`rdr calibrate`, `rdr users`, and tracking with a user, on a clip of a photograph that moves a little."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from avatar_bridge.cli import main
from avatar_bridge.messages import FaceFrame, Hello
from avatar_bridge.recording import read_take
from avatar_bridge.video_writer import VideoWriter
from calibration.store import UserStore

FACE = np.ascontiguousarray(skimage.data.astronaut()[:300, 60:380, ::-1])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with VideoWriter(path, 25.0) as video:
        for number in range(50):
            turn = cv2.getRotationMatrix2D((160, 150), 6 * np.sin(number / 6), 1 + 0.03 * np.sin(number / 4))
            video.write(cv2.warpAffine(FACE, turn, (320, 300), borderMode=cv2.BORDER_REPLICATE), number * 40_000_000)
    return path


@pytest.fixture(scope="module")
def folder(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    users = tmp_path_factory.mktemp("users")
    assert main(["calibrate", "--user", "anna", "--source", str(clip), "--folder", str(users), "--camera", "weak"]) == 0
    return users


def test_a_video_makes_a_user(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["users", "show", "anna", "--folder", str(folder), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["frames"] >= 5
    assert said["error_percent"] < 3
    assert len(said["ranges"]) == 46
    assert said["own_skin"]
    assert main(["users", "--folder", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("anna ")


def test_without_a_skin(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = ["--folder", str(tmp_path)]
    assert main(["calibrate", "--user", "ben", "--source", str(clip), "--camera", "weak", "--no-skin", *there]) == 0
    assert main(["users", "show", "ben", *there]) == 0
    assert "skin      the default one" in capsys.readouterr().out
    assert UserStore(tmp_path).load("ben").skin() is None


def test_the_avatar_wears_the_users_skin_wherever_it_goes(folder: Path, tmp_path: Path) -> None:
    from avatar_bridge.avatar import load_skin
    from avatar_bridge.user import user_avatar

    skin = UserStore(folder).load("anna").skin()
    assert skin is not None
    assert (user_avatar(UserStore(folder).load("anna")).parts[0].texture == skin).all()
    assert np.abs(skin.astype(int) - load_skin().astype(int)).mean() > 2
    there = ["--folder", str(folder)]
    assert main(["users", "export", "anna", str(tmp_path / "anna.npz"), *there]) == 0
    other = ["--folder", str(tmp_path / "other")]
    assert main(["users", "import", "eve", str(tmp_path / "anna.npz"), *other]) == 0
    taken = UserStore(tmp_path / "other").load("eve").skin()
    assert (taken == skin).all()


def test_takes_frames_and_facts_carry_the_user(
    folder: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RDR_USERS", str(folder))
    take = tmp_path / "take.mcap"
    assert main(["track", str(clip), "--user", "anna", "--no-publish", "--fast", "--record", str(take)]) == 0
    frames = [message for message in read_take(take) if isinstance(message, FaceFrame)]
    assert len(frames) >= 45
    assert {frame.user for frame in frames} == {"anna"}
    hellos = [message for message in read_take(take) if isinstance(message, Hello)]
    assert all(hello.user == "anna" for hello in hellos)


def test_offline_knows_the_user_and_whether_the_model_changed(
    folder: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from avatar_bridge.offline.config import OfflineConfig

    monkeypatch.setenv("RDR_USERS", str(folder))
    out = tmp_path / "out"
    command = ["track", str(clip), "--offline", "--out", str(out), "--user", "anna", "--no-sound", "--jobs", "1"]
    assert main(command) == 0
    frames = [m for take in out.glob("*.mcap") for m in read_take(take) if isinstance(m, FaceFrame)]
    assert {frame.user for frame in frames} == {"anna"}
    before = OfflineConfig(user="anna").fingerprint()
    assert before == OfflineConfig(user="anna").fingerprint() != OfflineConfig().fingerprint()
    store = UserStore(tmp_path / "others")
    monkeypatch.setenv("RDR_USERS", str(store.folder))
    from dataclasses import replace

    store.save(replace(UserStore(folder).load("anna"), created_unix_ns=1))
    assert OfflineConfig(user="anna").fingerprint() != before


def test_online_is_saved_at_the_end(
    folder: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = UserStore(tmp_path / "users")
    store.save(UserStore(folder).load("anna"))
    before = store.read("anna")
    monkeypatch.setenv("RDR_USERS", str(store.folder))
    assert main(["track", str(clip), "--user", "anna", "--online", "--no-publish", "--fast"]) == 0
    assert "refined anna" in capsys.readouterr().out
    assert store.read("anna") != before
    assert [path.name for path in store.folder.iterdir()] == ["anna.npz"]


def test_export_import_delete(folder: Path, tmp_path: Path) -> None:
    there = ["--folder", str(folder)]
    for name in ("anna.npz", "anna.glb", "anna.obj"):
        assert main(["users", "export", "anna", str(tmp_path / name), *there]) == 0
        assert (tmp_path / name).stat().st_size > 100_000
    assert (tmp_path / "anna.glb").read_bytes()[:4] == b"glTF"
    assert main(["users", "import", "copy", str(tmp_path / "anna.npz"), *there]) == 0
    assert UserStore(folder).names() == ["anna", "copy"]
    assert main(["users", "delete", "copy", *there]) == 0
    assert UserStore(folder).names() == ["anna"]


def test_the_avatar_has_the_users_face(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RDR_USERS", str(folder))
    files = [tmp_path / "mean.glb", tmp_path / "anna.glb"]
    assert main(["avatar", "export", "--out", str(files[0])]) == 0
    assert main(["avatar", "export", "--user", "anna", "--out", str(files[1])]) == 0
    assert files[0].read_bytes() != files[1].read_bytes()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["users", "show", "nobody"], "no user nobody"),
        (["users", "show"], "needs NAME"),
        (["users", "export", "anna"], "needs NAME FILE"),
        (["users", "export", "anna", "anna.stl"], "exported as .npz, .glb or .obj"),
        (["calibrate", "--user", "a b"], "a user's name must be"),
        (["track", "0", "--user", "nobody", "--no-publish"], "no user nobody"),
        (["track", "0", "--online", "--no-publish"], "say whose with --user"),
        (["track", "0", "--user", "anna", "--max-faces", "2", "--no-publish"], "--user anna is one person"),
        (["avatar", "sheet", "--user", "anna"], "are for rdr avatar export"),
        (["avatar", "export", "--user", "nobody"], "no user nobody"),
    ],
)
def test_what_cannot_be_done_is_said(
    folder: Path, command: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RDR_USERS", str(folder))
    assert main(command) == 1
    assert said in capsys.readouterr().err


def test_a_clip_without_a_face_leaves_the_user_alone(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((120, 160, 3), 128, np.uint8))
    before = UserStore(folder).read("anna")
    assert main(["calibrate", "--user", "anna", "--source", str(tmp_path), "--folder", str(folder)]) == 1
    assert "needs 5 good frames of a face, got 0" in capsys.readouterr().err
    assert UserStore(folder).read("anna") == before
