"""Takes whose recorder was killed, cut off at any byte, or stood before a full disk."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_bridge.codec import decode
from avatar_bridge.errors import RecordingError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.recording import Recorder, Take, TakeFacts, read_take, take
from avatar_bridge.recording.outline import outline
from avatar_bridge.recording.repair import repair

SmallTake = tuple[Path, list[FaceFrame], list[tuple[int, int]]]

PERFORMER = """
import sys, time
from dataclasses import replace
from avatar_bridge.messages import FaceFrame
from avatar_bridge.recording import Recorder

face = FaceFrame(session="s", seq=0, face_id=0, capture_time_ns=0, publish_time_ns=0, source_size_px=(64, 48),
    tracked=True, confidence=1, alpha_exp=[0.25] * 46, quaternion=[1, 0, 0, 0], euler_rad=[0, 0, 0],
    translation_px=[1, 2, 0], scale_px_per_cm=1)
recorder = Recorder(sys.argv[1], "s")
seq = 0
while True:
    frame = replace(face, seq=seq, capture_time_ns=time.time_ns())
    recorder.write(frame, raw=True)
    recorder.write(frame)
    print(seq, frame.capture_time_ns, flush=True)
    seq += 1
    time.sleep(0.02)
"""


@pytest.mark.parametrize("after_frames", [5, 60, 97])
def test_killed_at_any_moment_it_loses_less_than_a_second(tmp_path: Path, after_frames: int) -> None:
    path = tmp_path / "take.mcap"
    with subprocess.Popen([sys.executable, "-c", PERFORMER, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(after_frames)]
        process.kill()  # SIGKILL: nothing of ours runs any more
        lines += [line for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    written = [int(line.split()[1]) for line in lines]
    assert process.returncode == -signal.SIGKILL
    cut = read_take(tmp_path / "take.mcap.partial")
    read = [frame.capture_time_ns for frame in cut.frames()]
    assert read == written[: len(read)]
    assert written[-1] - (read[-1] if read else written[0]) <= 1e9
    assert outline(cut).state == "cut off"


@pytest.fixture(scope="module")
def small_take(tmp_path_factory: pytest.TempPathFactory) -> SmallTake:
    """Return a take of 3 s, its frames, and how long the file was when how many of them had been written to it."""
    path = tmp_path_factory.mktemp("takes") / "small.mcap"
    frames = [
        FaceFrame(
            session="s", seq=seq, face_id=0, capture_time_ns=10**18 + seq * 200_000_000, publish_time_ns=0,
            source_size_px=(64, 48), tracked=True, confidence=1, alpha_exp=[seq / 20] * 46, quaternion=[1, 0, 0, 0],
            euler_rad=[0, 0, 0], translation_px=[seq, 2, 0], scale_px_per_cm=1,
        )
        for seq in range(15)
    ]  # fmt: skip
    partial = path.with_name("small.mcap.partial")
    with Recorder(path, "s", facts=TakeFacts(user="anna")) as recorder:
        pieces = [(partial.stat().st_size, 0)]
        for count, frame in enumerate(frames, 1):
            recorder.write(frame)
            if partial.stat().st_size > pieces[-1][0]:
                pieces.append((partial.stat().st_size, count))
    return path, frames, pieces


def test_cut_at_every_byte_it_is_read_up_to_the_last_second(
    small_take: SmallTake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, frames, pieces = small_take
    assert len(pieces) >= 4
    monkeypatch.setattr(take, "decode", cache(decode))  # the same messages thousands of times
    whole = list(Take(path))
    assert whole == frames
    cut = tmp_path / "cut.mcap"
    shutil.copy(path, cut)
    for length in range(path.stat().st_size, -1, -1):
        os.truncate(cut, length)
        reader = Take(cut)
        read = list(reader)
        assert all(a is b for a, b in zip(read, whole, strict=False))
        assert reader.report is not None
        assert reader.report.complete == (length == path.stat().st_size)
        assert not reader.report.messages_skipped
        assert len(read) >= max((count for size, count in pieces if size <= length), default=0)
        begun = next((count for size, count in pieces if size >= length), len(frames))  # written to it, if only in part
        assert (begun - len(read)) * 0.2 <= 1
        if length % 50 == 0:
            about = outline(reader)
            assert (about.filtered.frames, about.complete) == (len(read), reader.report.complete)


@given(data=st.data())
def test_whatever_is_in_a_file_it_is_read_or_refused(small_take: SmallTake, data: st.DataObject) -> None:
    path = small_take[0].with_name("damaged.mcap")
    damaged = bytearray(small_take[0].read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(1, 9))] = data.draw(st.binary(max_size=9))
    path.write_bytes(damaged)
    try:
        found = Take(path)
    except RecordingError:
        return
    assert all(isinstance(message, FaceFrame) for message in found)
    assert outline(found).filtered.frames <= 15 + 3
    assert isinstance(found.facts, TakeFacts)


FULL_DISK = """
import sys
from avatar_bridge.fake import FakeFace
from avatar_bridge.errors import RecordingError
from avatar_bridge.recording import Recorder

face = FakeFace(0)
recorder = Recorder(sys.argv[1], "s")
try:
    for seq in range(100_000):
        recorder.write(face.frame("s", seq, 10**18 + seq * 33_333_333, seq / 30))
except RecordingError as error:
    print(f"{seq}\\n{error}")
recorder.close()
"""


def test_a_full_disk_is_said_in_one_line_and_what_was_written_is_kept(tmp_path: Path) -> None:
    """A real file system of 200 KiB, in a mount namespace of its own."""
    disk, out = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    out.mkdir()
    script = (
        f"mount -t tmpfs -o size=200k tmpfs {disk} || exit 99; "
        f'{sys.executable} -c "$PERFORMER" {disk}/take.mcap; cp {disk}/* {out}'
    )
    try:
        done = subprocess.run(
            ["unshare", "-Urm", "sh", "-c", script],
            env={**os.environ, "PERFORMER": FULL_DISK},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("no unshare here")
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("no file system may be mounted here")
    failed_at, line = done.stdout.splitlines()
    assert "take.mcap.partial: No space left on device; the take ends here, what was written is kept" in line
    partial = out / "take.mcap.partial"
    cut = read_take(partial)
    frames = list(cut.frames())
    assert 0 <= int(failed_at) - len(frames) <= 30  # a second
    assert cut.report is not None
    assert (cut.report.complete, cut.report.chunks_damaged) == (False, 0)
    whole, _, copied = repair(cut)
    assert copied == len(frames)
    assert list(read_take(whole).frames()) == frames
