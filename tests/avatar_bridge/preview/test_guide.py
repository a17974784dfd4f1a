"""The guide's picture, drawn without a window."""

from __future__ import annotations

import numpy as np

from avatar_bridge.preview.guide import Guide, GuideWindow
from calibration.session import Step

IMAGE = np.full((240, 320, 3), 120, np.uint8)
POINTS = np.full((68, 2), 40.0, np.float32)


def test_it_is_a_mirror_and_shows_the_face() -> None:
    picture = Guide(10).draw(IMAGE, POINTS, Step("Smile"), 0)
    assert picture.shape == IMAGE.shape
    assert (picture[40, 280] != IMAGE[40, 280]).any(), "landmarks at x 40 are seen at 320 - 40"
    assert (IMAGE == 120).all(), "the camera's picture is left alone"


def test_the_prompt_and_no_face_are_written() -> None:
    nothing = Guide(10).draw(IMAGE, POINTS, None, 0)
    prompt = Guide(10).draw(IMAGE, POINTS, Step("Smile as broadly as you can"), 0)
    lost = Guide(10).draw(IMAGE, None, Step("Smile as broadly as you can"), 0)
    assert (prompt[:60] != nothing[:60]).any()
    assert (lost[:60] != prompt[:60]).any()


def test_bars_grow() -> None:
    def drawn(progress: float, shown: int) -> int:
        picture = Guide(10).draw(IMAGE, POINTS, Step("Smile", progress=progress), shown)
        return int((picture[200:] > 60).all(axis=2).sum())

    assert drawn(0.0, 0) < drawn(0.5, 0) < drawn(1.0, 0)
    assert drawn(0.5, 0) < drawn(0.5, 5) < drawn(0.5, 10)


def test_a_notice_stays_for_a_while() -> None:
    guide = Guide(10)
    plain = Guide(10).draw(IMAGE, POINTS, Step("Smile"), 0)
    guide.draw(IMAGE, POINTS, Step("Smile", notice="brows: got it"), 0)
    assert (guide.draw(IMAGE, POINTS, Step("Smile"), 0) != plain).any()
    for _ in range(60):
        last = guide.draw(IMAGE, POINTS, Step("Smile"), 0)
    np.testing.assert_array_equal(last, plain)


def test_without_a_window_nothing_is_opened() -> None:
    with GuideWindow(10, wanted=False) as window:
        assert window.show(IMAGE, POINTS, None, 0)
