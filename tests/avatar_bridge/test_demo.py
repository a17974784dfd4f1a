"""The demo's performance, its truth, and those who listen to its stream."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avatar_bridge.capture import CapturedFrame, VideoSource
from avatar_bridge.demo.listeners import AvatarListener, Listener, RecordingListener
from avatar_bridge.demo.performance import RATE_HZ, SECONDS, SIZE_PX, Performance, perform, render_clip
from avatar_bridge.demo.truth import compare
from avatar_bridge.errors import RecordingError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.pipeline import TrackedPicture
from avatar_bridge.publisher import Publisher
from avatar_bridge.recording import read_take
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.types import FacePrediction, Pose, TrackedFace

PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def performance() -> Performance:
    return perform()


def test_the_performance_is_what_it_says(performance: Performance) -> None:
    n = round(SECONDS * RATE_HZ)
    assert performance.time_s.shape == (n,)
    assert performance.alpha_exp.shape == (n, len(BLENDSHAPE_NAMES))
    assert performance.shape.shape == (n, 68, 2)
    assert 0 <= performance.alpha_exp.min() < performance.alpha_exp.max() <= 1
    assert (performance.alpha_exp[0] == 0).all()
    assert (performance.alpha_exp.max(axis=0) > 0.3).sum() == 11
    assert (performance.shape > 0).all()
    assert (performance.shape < SIZE_PX).all()
    assert np.degrees(performance.euler_rad).min(axis=0) == pytest.approx([-8, -24, -7], abs=0.7)
    assert np.degrees(performance.euler_rad).max(axis=0) == pytest.approx([6, 22, 8], abs=0.7)


def test_landmarks_follow_the_coefficients(performance: Performance) -> None:
    """Eyes shut while blinking, lips apart while the jaw is open."""
    eyes = performance.shape[:, [41, 40, 47, 46], 1] - performance.shape[:, [37, 38, 43, 44], 1]
    lips = performance.shape[:, 66, 1] - performance.shape[:, 62, 1]
    blink = performance.alpha_exp[:, BLENDSHAPE_NAMES.index("EyeClose_L")]
    jaw = performance.alpha_exp[:, BLENDSHAPE_NAMES.index("JawOpen")]
    assert eyes[blink > 0.8].mean() < 0.6 * eyes[blink == 0].mean()
    assert lips[jaw > 0.4].mean() > 3 * abs(lips[jaw == 0].mean())


def test_the_clip_shows_the_performance(performance: Performance, tmp_path: Path, headless_gl: None) -> None:
    """Rendered where its landmarks are: skin inside of the jaw line, background beside the head."""
    some = slice(0, None, 16)
    short = replace(
        performance,
        **{
            name: getattr(performance, name)[some]
            for name in ("time_s", "alpha_exp", "euler_rad", "translation_px", "shape")
        },
    )
    done: list[int] = []
    render_clip(short, tmp_path / "clip.mp4", done.append)
    frames = list(VideoSource(tmp_path / "clip.mp4", base_time_ns=0))
    assert sum(done) == len(frames) == len(short.time_s)
    for frame, shape, time_s in zip(frames, short.shape, short.time_s, strict=True):
        assert frame.capture_time_ns / 1e9 == pytest.approx(float(time_s), abs=2e-4)
        assert frame.image_bgr.shape == (SIZE_PX, SIZE_PX, 3)
        redness = frame.image_bgr[..., 2].astype(int) - frame.image_bgr[..., 0]
        x, y = shape[29].astype(int)  # the bridge of the nose
        assert redness[y, x] > 25
        assert redness[:40, :40].max() < 15


def pictures_of(performance: Performance, shift_px: float = 0.0, turn_rad: float = 0.0) -> list[TrackedPicture]:
    """What a tracker would say that is right but for a shift and a turn."""
    pictures = []
    image = np.zeros((4, 4, 3), np.uint8)
    for n, shape in enumerate(performance.shape):
        pose = Pose(performance.euler_rad[n] + np.array([0, turn_rad, 0], np.float32), performance.translation_px[n], 1)
        shape3d = np.zeros((68, 3), np.float32)
        alpha_id, alpha_exp = np.zeros(50, np.float32), performance.alpha_exp[n]
        found = FacePrediction(shape + np.float32(shift_px), shape, shape3d, pose, alpha_exp, alpha_id, 1.0)
        face = TrackedFace(0, True, found, 1.0)
        frame = FaceFrame.from_tracked_face(
            face, session="s", seq=n, capture_time_ns=n + 1, source_size_px=(SIZE_PX, SIZE_PX)
        )
        pictures.append(TrackedPicture(CapturedFrame(image, n + 1, n, "clip"), [face], [frame], 1.0))
    return pictures


def test_the_truth_compared_with_itself(performance: Performance) -> None:
    found = compare(performance, pictures_of(performance))
    assert found["frames"] == found["frames_tracked"] == len(performance.time_s)
    assert found["nme_inter_ocular_percent"] == 0
    assert found["rotation_error_deg"] == pytest.approx(0, abs=0.05)
    assert found["alpha_exp_mean_abs_error"] == 0
    correlation = found["correlation_in_time"]
    assert isinstance(correlation, dict)
    assert len(correlation) == 11
    assert set(correlation.values()) == {1.0}


def test_errors_are_measured(performance: Performance) -> None:
    found = compare(performance, pictures_of(performance, shift_px=3.0, turn_rad=0.1))
    ocular = np.linalg.norm(performance.shape[:, 36] - performance.shape[:, 45], axis=1)
    assert found["nme_inter_ocular_percent"] == pytest.approx(100 * (3 * 2**0.5 / ocular).mean(), rel=1e-3)
    assert found["rotation_error_deg"] == pytest.approx(np.degrees(0.1), abs=0.1)


def test_frames_without_a_face_are_left_out(performance: Performance) -> None:
    pictures = pictures_of(performance)
    lost = [replace(p, faces=[replace(p.faces[0], tracked=False)]) if n < 5 else p for n, p in enumerate(pictures)]
    assert compare(performance, lost)["frames_tracked"] == len(pictures) - 5
    nothing = compare(performance, [replace(p, faces=[], frames=[]) for p in pictures])
    assert nothing == {"frames": len(pictures), "frames_tracked": 0}


def listen(listener: Listener, publisher: Publisher, frames: list[FaceFrame]) -> list[FaceFrame]:
    listener.start()
    assert listener.ready.wait(PATIENCE_S)
    sent = [publisher.publish(frame) for frame in frames]
    listener.finish(PATIENCE_S)
    return sent


def some_frames(performance: Performance, session: str, n: int = 12) -> list[FaceFrame]:
    return [replace(p.frames[0], session=session) for p in pictures_of(performance)[:n]]


def test_the_recorder_keeps_everything(performance: Performance, tmp_path: Path) -> None:
    path = tmp_path / "take.mcap"
    path.write_bytes(b"an older take")
    with Publisher("tcp://127.0.0.1:*") as publisher:
        listener = RecordingListener(publisher.endpoint, path, publisher.session)
        sent = listen(listener, publisher, some_frames(performance, publisher.session))
    assert list(read_take(path)) == sent
    assert listener.stats is not None
    assert (listener.stats.frames, listener.stats.missed) == (len(sent), 0)


def test_the_avatar_of_every_frame_is_drawn(performance: Performance, headless_gl: None) -> None:
    with Publisher("tcp://127.0.0.1:*") as publisher:
        listener = AvatarListener(publisher.endpoint, 64)
        sent = listen(listener, publisher, some_frames(performance, publisher.session))
    assert sorted(listener.pictures) == [frame.capture_time_ns for frame in sent]
    assert all(picture.shape == (64, 64, 3) for picture in listener.pictures.values())


def test_errors_of_a_listener_come_out(tmp_path: Path) -> None:
    with Publisher("tcp://127.0.0.1:*") as publisher:
        listener = RecordingListener(publisher.endpoint, tmp_path / "take.txt", publisher.session)
        listener.start()
        assert listener.ready.wait(PATIENCE_S)  # nobody waits for one that failed
        with pytest.raises(RecordingError, match=r"must end in \.mcap"):
            listener.finish(PATIENCE_S)
