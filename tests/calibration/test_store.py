"""Users on disk, and what a killed calibration leaves of them: real processes, really killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from calibration.errors import UserModelError
from calibration.store import UserStore, default_folder
from calibration.user_model import UserModel, load_user_model

_RDR = "from avatar_bridge.cli import main; raise SystemExit(main())"
_SAVES = """
import sys
from dataclasses import replace
from pathlib import Path
from calibration.store import UserStore

store = UserStore(Path(sys.argv[1]))
user = store.load("anna")
print("ready", flush=True)
for number in range(1, 1000):
    store.save(replace(user, created_unix_ns=number))
"""
_STOPS_IN_THE_WRITE = """
import os, signal, sys
from pathlib import Path
import rdr_core.atomic
from calibration.store import UserStore

store = UserStore(Path(sys.argv[1]))
user = store.load("anna")
rdr_core.atomic.os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
store.save(user)
"""


@pytest.fixture
def store(tmp_path: Path, anna: UserModel) -> UserStore:
    store = UserStore(tmp_path / "users")
    store.save(anna)
    return store


def test_saved_listed_loaded_deleted(store: UserStore, anna: UserModel) -> None:
    assert store.names() == ["anna"]
    np.testing.assert_array_equal(store.load("anna").alpha_id, anna.alpha_id)
    store.delete("anna")
    assert store.names() == []
    for act in (store.load, store.delete, store.read):
        with pytest.raises(UserModelError, match=r"no user anna; there are: none yet\. rdr calibrate --user anna"):
            act("anna")


def test_names_cannot_leave_the_folder(store: UserStore) -> None:
    with pytest.raises(UserModelError, match="must be 1 to 64 letters"):
        store.path("../../etc/passwd")


def test_the_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RDR_USERS", str(tmp_path))
    assert default_folder() == tmp_path
    assert UserStore().folder == tmp_path
    monkeypatch.delenv("RDR_USERS")
    assert default_folder().name == "users"


@pytest.mark.parametrize("after_s", [0.0, 0.013, 0.05, 0.11, 0.2, 0.37])
def test_killed_while_it_saves_over_and_over(store: UserStore, after_s: float) -> None:
    with _process(_SAVES, store) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert store.load("anna").alpha_id.size  # the old one or a new one, and whole
    assert store.names() == ["anna"]


def test_killed_just_before_the_file_takes_its_place(store: UserStore) -> None:
    before = store.read("anna")
    with _process(_STOPS_IN_THE_WRITE, store) as process:
        process.wait(60)
    assert process.returncode == -signal.SIGKILL
    assert store.read("anna") == before
    assert len(list(store.folder.iterdir())) == 2, "what was being written lies beside it"
    assert store.names() == ["anna"]
    store.save(store.load("anna"))
    assert [path.name for path in store.folder.iterdir()] == ["anna.npz"], "and is gone with the next"


@pytest.mark.parametrize("after_s", [0.5, 2.0, 4.0])
def test_a_calibration_killed_at_any_moment(store: UserStore, tmp_path: Path, after_s: float) -> None:
    """`rdr calibrate` itself: while it starts, looks at pictures, fits."""
    import cv2
    import skimage.data

    face = np.ascontiguousarray(skimage.data.astronaut()[:260, 95:355, ::-1])
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(12):
        cv2.imwrite(str(pictures / f"{number:02}.png"), np.roll(face, number, axis=1))
    before = store.read("anna")
    command = ["calibrate", "--user", "anna", "--source", str(pictures), "--folder", str(store.folder)]
    with _process(_RDR, None, *command) as process:
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    if process.returncode == -signal.SIGKILL:
        assert store.read("anna") == before
    assert load_user_model(store.path("anna")).name == "anna"


def _process(code: str, store: UserStore | None, *arguments: str) -> subprocess.Popen[str]:
    given = [str(store.folder)] if store else list(arguments)
    return subprocess.Popen(
        [sys.executable, "-c", code, *given],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
