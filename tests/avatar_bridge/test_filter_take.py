from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avatar_bridge.cli.main import main
from avatar_bridge.config import SmoothingConfig
from avatar_bridge.errors import RecordingError
from avatar_bridge.filter_take import blinks_kept, smooth_take
from avatar_bridge.messages import FaceFrame
from avatar_bridge.recording import Recorder
from rdr_core.geometry.rotation import quaternion_from_euler

MakeFrame = Callable[..., FaceFrame]
FRAMES = 150
BLINKS = (20, 60, 75)


def performance(make_frame: MakeFrame, n: int = FRAMES, **changes: object) -> list[FaceFrame]:
    """Six seconds: a face at rest that blinks, then turns its head and opens its jaw; noise all along."""
    rng, frames = np.random.default_rng(0), []
    for seq in range(n):
        move = max(0.0, seq - 90) / 60
        alpha_exp = 0.1 + rng.normal(0, 0.003, 46)
        blink = max(0.0, 1 - min(abs(seq - at) for at in BLINKS) / 2)
        alpha_exp[:2] += 0.5 * blink
        alpha_exp[21] += 0.3 * np.sin(8 * move) ** 2
        euler_rad = np.array([0, 0.5 * np.sin(6 * move), 0]) + rng.normal(0, 0.002, 3)
        points = np.stack([3 * np.arange(68), 40 * np.cos(np.arange(68))], axis=1) + 200
        points[36:48, 1] += 20 * blink
        frames.append(
            make_frame(
                seq,
                confidence=1.0,
                alpha_exp=alpha_exp.clip(0, 1),
                euler_rad=euler_rad,
                quaternion=quaternion_from_euler(euler_rad),
                translation_px=np.array([320, 240, 0]) + rng.normal(0, 0.2, 3) * [1, 1, 0],
                landmarks_px=points + 60 * np.sin(6 * move) + rng.normal(0, 0.2, (68, 2)),
                **changes,
            )
        )
    return frames


def test_a_take_before_and_after(make_frame: MakeFrame) -> None:
    found = smooth_take(performance(make_frame), SmoothingConfig())
    assert (found.frames, found.rate_hz) == (FRAMES, pytest.approx(25))
    assert 40 < found.rest_frames < 90
    for part, (before, after) in found.jitter.items():
        assert 0 < after < (0.6 if part == "eyes" else 0.5) * before, part
    assert 0 < found.lag_ms["head"].milliseconds < 30  # type: ignore[union-attr]
    assert 0 < found.lag_ms["jaw"].milliseconds < 40  # type: ignore[union-attr]
    assert found.lag_ms["brows"] is None
    assert len(found.blinks_kept) == 3
    assert min(found.blinks_kept) > 0.9


def test_off_leaves_a_take_as_it_is(make_frame: MakeFrame) -> None:
    found = smooth_take(performance(make_frame), SmoothingConfig.of("off"))
    assert all(before == after for before, after in found.jitter.values())
    assert found.blinks_kept == pytest.approx([1, 1, 1])


def test_only_the_face_in_most_frames_counts_and_gaps_are_no_rest(make_frame: MakeFrame) -> None:
    frames = performance(make_frame)
    others = performance(make_frame, n=40, face_id=1)
    lost = [make_frame(500 + seq, tracked=False) for seq in range(300)]
    assert smooth_take([*others, *frames, *lost, "hello"], SmoothingConfig()) == smooth_take(frames, SmoothingConfig())
    every_third_lost = [frame for frame in frames if frame.seq % 7]
    assert smooth_take(every_third_lost, SmoothingConfig()).rest_frames == 0  # no 8 frames in a row
    assert np.isnan(smooth_take(every_third_lost, SmoothingConfig()).jitter["head"]).all()


def test_blinks_are_short_peaks() -> None:
    eye_close = np.full(100, 0.1)
    eye_close[20:23] = [0.4, 0.9, 0.4]
    eye_close[50:80] = 0.8  # eyes that stay shut
    eye_close[90] = 0.15  # a twitch
    assert blinks_kept(eye_close, eye_close, 30) == [pytest.approx(1)]
    assert blinks_kept(eye_close, 0.05 + 0.5 * eye_close, 30) == [pytest.approx(0.5)]
    assert blinks_kept(np.zeros(50), np.zeros(50), 30) == []


def test_what_cannot_be_measured_is_refused(make_frame: MakeFrame) -> None:
    with pytest.raises(RecordingError, match="16 frames"):
        smooth_take(performance(make_frame, n=15), SmoothingConfig())
    with pytest.raises(RecordingError, match="16 frames"):
        smooth_take([], SmoothingConfig())
    with pytest.raises(RecordingError, match="16 frames"):  # all of one instant
        smooth_take(performance(make_frame, n=20, capture_time_ns=10**18), SmoothingConfig())
    without = [make_frame(seq, landmarks_px=None) for seq in range(30)]
    with pytest.raises(RecordingError, match="no landmarks"):
        smooth_take(without, SmoothingConfig())


def test_the_command_measures_takes(make_frame: MakeFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take = tmp_path / "raw.mcap"
    with Recorder(take, session="test") as writer:
        for frame in performance(make_frame):
            writer.write(frame)
    assert main(["filters", str(take), "--smoothing", "strong"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Smoothing strong of raw.mcap: 150 frames, 25 a second" in said
    assert "3 blinks keep" in said
    assert all(part in said for part in ("brows", "eyes", "mouth", "jaw", "head", "position", "landmarks"))


def test_the_command_shows_lag_jitter_and_blinks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filters", "--smoothing", "normal,jaw=off", "--rate", "60"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Smoothing normal,jaw=off at 60 frames a second" in said
    assert "eyes: lids closed by 0.8 in 100 ms" in said
    assert "Kept of a 100 ms blink" in said
    assert "head: rotation" in said


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--smoothing", "soft"], "no smoothing 'soft'"),
        (["--rate", "0"], "--rate must lie between 15 and 240"),
        (["nowhere.mcap"], "cannot open the take nowhere.mcap"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filters", *arguments]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {line}")
    assert len(said.err.splitlines()) == 1
    assert said.out == ""
