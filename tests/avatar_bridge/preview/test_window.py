"""The window's picture and keys, and what is said where no window can be opened."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar_bridge.avatar import default_avatar
from avatar_bridge.errors import AvatarError
from avatar_bridge.messages import FaceFrame

pytest.importorskip("pyrender", reason="the preview extra is not installed")

from avatar_bridge.preview.window import LiveView, check_display

SIZE = 320


@pytest.fixture(scope="module")
def renderer(headless_gl: None) -> Iterator[object]:
    from avatar_bridge.preview.renderer import AvatarRenderer

    with AvatarRenderer(default_avatar(), SIZE, SIZE) as made:
        yield made


@pytest.fixture
def view(renderer: object, tmp_path: Path) -> LiveView:
    return LiveView(renderer, tmp_path)  # type: ignore[arg-type]


def test_mirror_flips_the_face(view: LiveView, make_frame: Callable[..., FaceFrame]) -> None:
    frame = make_frame(euler_rad=[0, 0.5, 0])
    mirrored = view.draw(frame).copy()
    assert view.press(ord("m"))
    plain = view.draw(frame)
    below = np.s_[40:]  # the caption is not mirrored
    np.testing.assert_array_equal(mirrored[below, ::-1], plain[below])
    assert (mirrored[below] != plain[below]).any()


def test_bars_come_and_go(view: LiveView, make_frame: Callable[..., FaceFrame]) -> None:
    frame = make_frame()
    without = view.draw(frame).copy()
    view.press(ord("b"))
    with_bars = view.draw(frame).copy()
    y, x = np.nonzero((without != with_bars).any(axis=2))
    assert len(y) > 1000
    assert y.min() > SIZE / 2
    assert x.max() < SIZE / 2
    view.press(ord("b"))
    all_bars = view.draw(frame)
    assert (all_bars != without)[:, -20:].any(), "46 need both edges"
    view.press(ord("b"))
    np.testing.assert_array_equal(view.draw(frame), without)


def test_lost_face_is_said(view: LiveView, make_frame: Callable[..., FaceFrame]) -> None:
    tracked, lost = (view.draw(make_frame(tracked=t), "25 fps").copy() for t in (True, False))
    y, _ = np.nonzero((tracked != lost).any(axis=2))
    assert len(y)
    assert y.max() < 30, "only the caption differs"


def test_two_views_beside_each_other(renderer: object, make_frame: Callable[..., FaceFrame]) -> None:
    view = LiveView(renderer, faces=2)  # type: ignore[arg-type]
    at_rest = view.picture.copy()
    assert at_rest.shape == (SIZE, 2 * SIZE, 3)
    second = view.draw(make_frame(euler_rad=[0, 0.5, 0]), "face 1", place=1)
    np.testing.assert_array_equal(second[:, :SIZE], at_rest[:, :SIZE])
    assert (second[:, SIZE:] != at_rest[:, SIZE:]).any()


def test_saved_picture_is_the_one_shown(view: LiveView, make_frame: Callable[..., FaceFrame], tmp_path: Path) -> None:
    shown = view.draw(make_frame()).copy()
    assert view.press(ord("s"))
    (path,) = tmp_path.iterdir()
    assert path.suffix == ".png"
    np.testing.assert_array_equal(cv2.imread(str(path)), shown)


@pytest.mark.parametrize(("key", "stays"), [(ord("q"), False), (27, False), (255, True), (ord("x"), True)])
def test_keys_that_quit(view: LiveView, key: int, stays: bool) -> None:
    assert view.press(key) is stays


@pytest.mark.skipif(sys.platform != "linux", reason="DISPLAY is X11's")
def test_no_display_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(AvatarError, match=r"no display .*--out avatar\.mp4"):
        check_display()


@pytest.mark.skipif(sys.platform != "linux", reason="DISPLAY is X11's")
def test_display_that_cannot_be_reached_does_not_kill_the_process() -> None:
    code = (
        "from avatar_bridge.errors import AvatarError\n"
        "from avatar_bridge.preview.window import check_display\n"
        "try:\n    check_display()\nexcept AvatarError as error:\n    print(error)\n"
    )
    environment = os.environ | {"DISPLAY": ":4711"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.strip().splitlines()
    assert "--out avatar.mp4" in line


def test_zoom_orbit_and_reset(view: LiveView, make_frame: Callable[..., FaceFrame]) -> None:
    frame = make_frame(euler_rad=[0, 0, 0])
    ahead = view.draw(frame).copy()
    view.press(ord("+"))
    assert (view.draw(frame) != ahead).any()
    view.press(ord("0"))
    view.mouse(cv2.EVENT_LBUTTONDOWN, 100, 100, 0)
    view.mouse(cv2.EVENT_MOUSEMOVE, 160, 130, 0)
    view.mouse(cv2.EVENT_LBUTTONUP, 160, 130, 0)
    assert (view.draw(frame) != ahead).any()
    view.mouse(cv2.EVENT_MOUSEMOVE, 10, 10, 0)
    assert view.orbit_rad[0] > 0, "dragged down, it is seen from above"
    view.press(ord("0"))
    np.testing.assert_array_equal(view.draw(frame), ahead)


def test_zoom_has_bounds(view: LiveView) -> None:
    for flags, bound in ((1, 8.0), (-1, 0.4)):
        for _ in range(100):
            view.mouse(cv2.EVENT_MOUSEWHEEL, 0, 0, flags)
        assert view.zoom == pytest.approx(bound)


def test_a_locked_head_does_not_turn(view: LiveView, make_frame: Callable[..., FaceFrame]) -> None:
    ahead = view.draw(make_frame(euler_rad=[0, 0, 0])).copy()
    view.press(ord("h"))
    np.testing.assert_array_equal(view.draw(make_frame(euler_rad=[0.2, 0.5, 0])), ahead)


@pytest.mark.parametrize("key", ["w", "l", "?"])
def test_what_keys_show_comes_and_goes(view: LiveView, make_frame: Callable[..., FaceFrame], key: str) -> None:
    frame = make_frame()
    without = view.draw(frame).copy()
    view.press(ord(key))
    assert (view.draw(frame) != without).mean() > 0.003
    view.press(ord(key))
    np.testing.assert_array_equal(view.draw(frame), without)


def test_a_stream_without_landmarks_is_shown(view: LiveView, make_frame: Callable[..., FaceFrame]) -> None:
    view.press(ord("l"))
    assert view.draw(make_frame(landmarks_px=None)).any()
