from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rdr_core.data.crop import Crop
from rdr_core.inference.appearance import MAX_DIFFERENCE, difference, looks_of, remembered
from rdr_core.types import UInt8


@pytest.fixture(scope="module")
def portrait() -> UInt8:
    data = pytest.importorskip("skimage.data", reason="scikit-image carries the picture")
    return np.ascontiguousarray(data.astronaut()[..., ::-1])


CROP = Crop(np.array([226.0, 130.0], np.float32), 110.0, 128)


def test_light_and_small_motion_change_little_another_face_much(portrait: UInt8) -> None:
    looks = looks_of(portrait, CROP)
    assert looks.shape == (48,)
    moved = Crop(CROP.center_px + 3, CROP.side_px * 1.04, 128, 0.05)
    darker = cv2.convertScaleAbs(portrait, alpha=0.8)
    assert difference(looks, looks_of(portrait, moved)) < MAX_DIFFERENCE / 2
    assert difference(looks, looks_of(darker, CROP)) < MAX_DIFFERENCE
    assert difference(looks, looks_of(np.ascontiguousarray(portrait[..., [1, 2, 0]]), CROP)) > MAX_DIFFERENCE


def test_the_size_of_the_picture_does_not_matter(portrait: UInt8) -> None:
    half = cv2.resize(portrait, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    crop = Crop(CROP.center_px / 2, CROP.side_px / 2, 128)
    assert difference(looks_of(portrait, CROP), looks_of(half, crop)) < MAX_DIFFERENCE / 2


def test_memory() -> None:
    now = np.ones(48, np.float32)
    assert difference(None, now) == 0
    before = np.zeros(48, np.float32)
    assert remembered(None, now, 0.1) is now
    assert remembered(before, now, 0.0) == pytest.approx(before)
    assert remembered(before, now, -1.0) == pytest.approx(before)
    assert remembered(before, now, 0.3) == pytest.approx(np.full(48, 1 - np.exp(-1)))
    twice = remembered(remembered(before, now, 0.1), now, 0.2)
    assert twice == pytest.approx(remembered(before, now, 0.3))


def test_people_of_real_clips_differ(rdr_data: Path) -> None:
    from avatar_bridge.capture import open_source
    from rdr_core.inference.detector import FaceDetector, landmark_crop

    detector, looks = FaceDetector(), []
    for name in ("liveportrait/d3.mp4", "liveportrait/d6.mp4", "liveportrait/d9.mp4"):
        with open_source(rdr_data / "videos" / name) as clip:
            first = next(iter(clip)).image_bgr
        looks.append(looks_of(first, landmark_crop(detector.detect(first)[0], 128)))
    apart = [difference(looks[a], looks[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert min(apart) > 4.7, "no more than 1 of 100 looks of one person differ so much within two seconds"
