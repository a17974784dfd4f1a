from __future__ import annotations

from pathlib import Path

import pytest

from avatar_bridge.errors import VideoError
from avatar_bridge.offline.receipt import Receipt
from avatar_bridge.offline.task import VideoTask, find_tasks
from avatar_bridge.recording.append_file import AppendFile


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode())


def names(sources: list[Path], out: Path) -> dict[str, str]:
    return {task.name: task.video.name for task in find_tasks([str(source) for source in sources], out)}


def test_a_folder_is_searched_with_all_that_is_in_it(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("b.mp4", "a.MOV", "notes.txt", "day 2/b.mp4", "day 2/c.x.mkv")))
    touch(*(tmp_path / name for name in (".trash/d.mp4", "._b.mp4", "takes/b_overlay.mp4")))
    assert names([tmp_path], tmp_path / "takes") == {
        "a": "a.MOV",
        "b": "b.mp4",
        "day 2/b": "b.mp4",
        "day 2/c.x": "c.x.mkv",
    }
    task = find_tasks([str(tmp_path)], tmp_path / "takes")[-1]
    assert task.file(".mcap") == tmp_path / "takes" / "day 2" / "c.x.mcap"
    assert task.workshop == tmp_path / "takes" / "day 2" / ".c.x.part"


def test_endings_tell_apart_what_else_has_one_name(tmp_path: Path) -> None:
    touch(*(tmp_path / "in" / name for name in ("a.mp4", "a.mov", "A.mkv", "b.mp4")))
    assert sorted(names([tmp_path / "in"], tmp_path)) == ["A_mkv", "a_mov", "a_mp4", "b"]


def test_overlays_are_no_videos_of_their_own(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp4", tmp_path / "a_overlay.mp4", tmp_path / "b_overlay.mp4")
    Receipt(name="a", video="a.mp4", files=("a.mcap", "a_overlay.mp4")).write(tmp_path / "a.tracked.json")
    assert sorted(names([tmp_path], tmp_path)) == ["a", "b_overlay"]


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    touch(tmp_path / "x" / "a.mp4", tmp_path / "y" / "A.mp4")
    for source, said in (("0", "no such video or folder: 0"), (str(tmp_path / "empty"), "no videos in .*empty")):
        with pytest.raises(VideoError, match=said):
            find_tasks([source], tmp_path)
    with pytest.raises(VideoError, match=r"x/a\.mp4, .*y/A\.mp4 would have one name"):
        find_tasks([str(tmp_path / "x"), str(tmp_path / "y")], tmp_path)


@pytest.fixture
def task(tmp_path: Path) -> VideoTask:
    touch(tmp_path / "in" / "anna.mp4")
    (tmp_path / "out").mkdir()
    return VideoTask(tmp_path / "in" / "anna.mp4", "anna", tmp_path / "out")


def receipt_of(task: VideoTask, files: tuple[str, ...]) -> Receipt:
    stat = task.video.stat()
    return Receipt(name="anna", video=str(task.video), bytes=stat.st_size, mtime_ns=stat.st_mtime_ns, files=files)


@pytest.mark.parametrize("suffix", [".mcap", ".wav", "_overlay.mp4", ".tracked.json"])
def test_nothing_of_others_is_replaced(task: VideoTask, suffix: str) -> None:
    task.check_place()
    task.file(suffix).write_bytes(b"somebody's own")
    with pytest.raises(VideoError, match=rf"anna{suffix} is there already, .*--out"):
        task.check_place()
    if suffix != ".tracked.json":
        receipt_of(task, (task.file(suffix).name,)).write(task.receipt_path)
        task.check_place()


def test_takes_of_another_video_are_kept(task: VideoTask, tmp_path: Path) -> None:
    receipt_of(task, ("anna.mcap",)).write(task.receipt_path)
    other = VideoTask(tmp_path / "other" / "anna.mp4", "anna", task.out)
    touch(other.video)
    with pytest.raises(VideoError, match=r"anna\.mcap was made of .*in/anna\.mp4: choose another --out"):
        other.check_place()
    task.video.write_bytes(b"another cut of it")
    task.check_place()  # the same video, changed: its take is made anew
    other.video.unlink()
    receipt_of(task, ("anna.mcap",)).write(task.receipt_path)
    task.video.rename(other.video)
    other.check_place()  # the same video at another place


def test_a_workshop_in_use_is_left_alone(task: VideoTask) -> None:
    touch(task.workshop / "take.wav")
    task.clear()
    assert not task.workshop.exists()
    task.workshop.mkdir()
    file = AppendFile(task.workshop / "take.mcap.partial")
    assert task.is_under_way
    task.clear()
    assert task.workshop.is_dir()
    file.close()
    assert not task.is_under_way
    task.clear()
    assert not task.workshop.exists()
    task.clear()
