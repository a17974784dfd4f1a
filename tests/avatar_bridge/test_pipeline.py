"""From pictures to frames ready to publish, with the shipped network on a photograph."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from avatar_bridge.capture import CapturedFrame, FrameSource, ImageFolderSource
from avatar_bridge.config import SmoothingConfig
from avatar_bridge.pipeline import TrackedPicture, paced, track_pictures
from avatar_bridge.run_statistics import RunStatistics
from avatar_bridge.smoothing import FaceSmoother
from rdr_core.inference.detector import FaceDetector
from rdr_core.inference.tracker import FaceTracker, TrackerConfig
from rdr_core.inference.weights import load_predictor
from rdr_core.types import UInt8

STEP_NS = 40_000_000


def face() -> UInt8:
    """(260, 260, 3) BGR."""
    return np.ascontiguousarray(skimage.data.astronaut()[:260, 95:355, ::-1])


def captured(pictures: list[UInt8]) -> Iterator[CapturedFrame]:
    for index, picture in enumerate(pictures):
        yield CapturedFrame(picture, 1_700_000_000_000_000_000 + index * STEP_NS, index, "test")


@pytest.fixture(scope="module")
def tracker() -> FaceTracker:
    return FaceTracker(load_predictor("live"), FaceDetector(), TrackerConfig(max_faces=2))


def track(pictures: list[UInt8], tracker: FaceTracker, smooth: bool = True) -> list[TrackedPicture]:
    tracker.reset()
    smoother = FaceSmoother(SmoothingConfig.of("normal" if smooth else "off"))
    return list(track_pictures(captured(pictures), tracker, smoother, "session", user="anna"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for n in range(8):
        cv2.imwrite(str(tmp_path / f"{n}.png"), np.full((16, 16, 3), 20 * n, np.uint8))
    return tmp_path


def test_a_file_comes_at_its_own_pace(folder: Path) -> None:
    """No picture before it is due, and the stamps are the due times: as regular as the file, and of now."""
    source = ImageFolderSource(folder, rate_hz=50, base_time_ns=0)
    began = time.time_ns()
    came = [(time.time_ns(), frame) for frame in paced(source)]
    stamps = [frame.capture_time_ns for _, frame in came]
    assert began <= stamps[0] <= came[0][0]
    assert np.diff(stamps).tolist() == [20_000_000] * 7
    assert all(now >= stamp for (now, _), stamp in zip(came, stamps, strict=True))
    assert [frame.index for _, frame in came] == list(range(8))
    assert [int(frame.image_bgr[0, 0, 0]) for _, frame in came] == [20 * n for n in range(8)]


def test_a_clock_that_is_set_back_holds_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unix_ns, stamps = time.time_ns, []
    began = time.monotonic()
    for frame in paced(ImageFolderSource(folder, rate_hz=50, base_time_ns=0)):
        monkeypatch.setattr(time, "time_ns", lambda: unix_ns() - 20_000_000_000)
        stamps.append(frame.capture_time_ns)
    assert 0.14 <= time.monotonic() - began < 15
    assert np.diff(stamps).tolist() == [20_000_000] * 7


def test_a_slow_consumer_loses_no_picture(folder: Path) -> None:
    source = ImageFolderSource(folder, rate_hz=50, base_time_ns=0)
    frames = []
    for frame in paced(source):
        if frame.index == 0:
            time.sleep(0.3)  # all of them are due now
        frames.append(frame)
    assert len(frames) == 8
    assert np.diff([frame.capture_time_ns for frame in frames]).tolist() == [20_000_000] * 7
    assert frames[-1].capture_time_ns < time.time_ns()


class Live(FrameSource):
    """A source whose pictures come by themselves."""

    name, size_px, rate_hz, frame_count, is_live = "live", (16, 16), 25.0, None, True

    def __iter__(self) -> Iterator[CapturedFrame]:
        return captured([np.zeros((16, 16, 3), np.uint8)] * 3)


def test_a_live_source_keeps_its_times() -> None:
    assert [f.capture_time_ns for f in paced(Live())] == [f.capture_time_ns for f in Live()]


def test_sequence_numbers_run_over_all_faces(tracker: FaceTracker) -> None:
    pair = np.hstack([face(), face()[:, ::-1]])
    pictures = track([face()] + [pair] * 4, tracker)  # the size changes: a cut
    assert [len(picture.faces) for picture in pictures] == [1, 2, 2, 2, 2]
    frames = [frame for picture in pictures for frame in picture.frames]
    assert [frame.seq for frame in frames] == list(range(9))
    assert {frame.session for frame in frames} == {"session"}
    assert {frame.user for frame in frames} == {"anna"}
    for picture in pictures[1:]:
        assert [frame.face_id for frame in picture.frames] == [f.face_id for f in picture.faces]
        assert len({frame.face_id for frame in picture.frames}) == 2
        for frame in picture.frames:
            assert frame.source_size_px == (520, 260)
            assert frame.capture_time_ns == picture.captured.capture_time_ns
    left, right = sorted(frame.translation_px[0] for frame in pictures[-1].frames)
    assert left < 260 < right


def test_without_faces_there_are_no_frames(tracker: FaceTracker) -> None:
    (picture,) = track([np.full((120, 160, 3), 90, np.uint8)], tracker)
    assert (picture.faces, picture.frames, picture.smoothed_faces()) == ([], [], [])
    assert picture.milliseconds > 0


def test_unsmoothed_frames_are_the_networks_answers(tracker: FaceTracker) -> None:
    for picture in track([face()] * 3, tracker, smooth=False):
        (seen,), (frame,), (drawn,) = picture.faces, picture.frames, picture.smoothed_faces()
        np.testing.assert_allclose(frame.landmarks_px, seen.prediction.shape, atol=1e-3)
        np.testing.assert_allclose(frame.alpha_exp, seen.prediction.alpha_exp, atol=1e-6)
        np.testing.assert_allclose(drawn.prediction.shape, seen.prediction.shape, atol=1e-3)
        np.testing.assert_allclose(drawn.prediction.projected_shape, seen.prediction.projected_shape, atol=1e-3)


def test_smoothing_calms_what_noise_shakes(tracker: FaceTracker) -> None:
    rng = np.random.default_rng(0)
    shaken = [np.clip(face() + rng.normal(0, 25, (260, 260, 3)), 0, 255).astype(np.uint8) for _ in range(16)]
    pictures = track(shaken, tracker)
    raw = np.array([p.faces[0].prediction.shape for p in pictures])
    smooth = np.array([p.frames[0].landmarks_px for p in pictures])
    assert np.abs(np.diff(smooth[4:], axis=0)).mean() < 0.7 * np.abs(np.diff(raw[4:], axis=0)).mean()
    last = pictures[-1]
    (drawn,) = last.smoothed_faces()
    np.testing.assert_allclose(drawn.prediction.shape, last.frames[0].landmarks_px, atol=1e-3)
    np.testing.assert_allclose(drawn.prediction.pose.euler_rad, last.frames[0].euler_rad, atol=1e-6)
    # S_p goes along with S, unchanged in itself
    apart = drawn.prediction.projected_shape - last.faces[0].prediction.projected_shape
    moved = (drawn.prediction.shape - last.faces[0].prediction.shape).mean(axis=0)
    np.testing.assert_allclose(apart, np.broadcast_to(moved, (68, 2)), atol=1e-3)


def test_frames_without_landmarks_are_drawn_where_the_network_saw_them(tracker: FaceTracker) -> None:
    (picture,) = track([face()], tracker)
    bare = replace(picture, frames=[replace(picture.frames[0], landmarks_px=None)])
    np.testing.assert_array_equal(bare.smoothed_faces()[0].prediction.shape, picture.faces[0].prediction.shape)


def test_statistics(tracker: FaceTracker) -> None:
    statistics = RunStatistics()
    assert statistics.summary() == {"pictures": 0, "pictures_with_face": 0}
    assert str(statistics) == "no pictures came"
    blank = np.full((260, 260, 3), 90, np.uint8)
    pictures = track([face(), face(), face(), blank], tracker)
    for picture in pictures:
        statistics.add(picture)
    numbers = statistics.summary()
    assert pictures[-1].faces[0].tracked is False  # held for a moment, but not counted
    assert (numbers["pictures"], numbers["pictures_with_face"], numbers["found_percent"]) == (4, 3, 75)
    assert numbers["fps"] > 0
    assert numbers["ms_per_picture_p95"] >= numbers["ms_per_picture_p50"] >= numbers["ms_per_tracked_face_p50"] > 0
    assert "4 pictures, a face in 75.0 % of them" in str(statistics)
