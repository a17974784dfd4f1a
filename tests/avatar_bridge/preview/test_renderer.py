"""Real pictures by real OpenGL."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from avatar_bridge.avatar import Avatar, default_avatar
from avatar_bridge.errors import AvatarError
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import default_face_model
from rdr_core.geometry.weak_perspective import project
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT, LIPS_INNER
from rdr_core.types import Float32, UInt8

if TYPE_CHECKING:
    from avatar_bridge.preview.renderer import AvatarRenderer

pytest.importorskip("pyrender", reason="the preview extra is not installed")
pytestmark = pytest.mark.usefixtures("headless_gl")

SIZE = 192
AHEAD = np.zeros(3, np.float32)


@pytest.fixture(scope="module")
def renderer(headless_gl: None) -> Iterator[AvatarRenderer]:
    from avatar_bridge.preview.renderer import AvatarRenderer

    with AvatarRenderer(default_avatar(), SIZE, SIZE) as made:
        yield made


def expression(**values: float) -> Float32:
    alpha_exp = np.zeros(len(BLENDSHAPE_NAMES), np.float32)
    for name, value in values.items():
        alpha_exp[BLENDSHAPE_NAMES.index(name)] = value
    return alpha_exp


def landmarks_px(alpha_exp: Float32, translation_px: Float32, scale: float) -> Float32:
    """(68, 2) of the mean face that looks ahead."""
    model = default_face_model()
    points = model.face(alpha_exp=alpha_exp)[model.topology.landmarks]
    return project(points, AHEAD, translation_px, np.float32(scale))[:, :2]


def patch(picture: UInt8, points: Float32) -> UInt8:
    """The pixels of the bounding box of some points."""
    (x0, y0), (x1, y1) = points.min(axis=0).astype(int), np.ceil(points.max(axis=0)).astype(int) + 1
    return picture[y0:y1, x0:x1]


def close_up(center_cm: tuple[float, float], scale: float) -> Float32:
    """Translation that brings a point of the model's x, y plane to the middle."""
    return np.array([SIZE / 2 - center_cm[0] * scale, SIZE / 2 + center_cm[1] * scale], np.float32)


def test_head_stands_before_the_background(renderer: AvatarRenderer) -> None:
    picture = renderer.render(expression(), AHEAD)
    background = renderer._background
    assert picture.shape == (SIZE, SIZE, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[:10, :10], background[:10, :10])
    middle = np.s_[SIZE // 2 - 20 : SIZE // 2 + 20, SIZE // 2 - 20 : SIZE // 2 + 20]
    assert np.abs(picture[middle].astype(int) - background[middle]).mean() > 30
    blue, _, red = picture[middle].reshape(-1, 3).mean(axis=0)
    assert red > 1.3 * blue, "skin is warm: the picture is BGR"


def test_another_background_shows_around_the_head(renderer: AvatarRenderer) -> None:
    background = np.full((SIZE, SIZE, 3), (10, 200, 30), np.uint8)
    picture = renderer.render(expression(), AHEAD, background=background)
    np.testing.assert_array_equal(picture[0, 0], (10, 200, 30))
    assert (picture[SIZE // 2, SIZE // 2] != (10, 200, 30)).any()
    with pytest.raises(AvatarError, match=r"\(192, 192, 3\)"):
        renderer.render(expression(), AHEAD, background=background[:-1])


def test_open_jaw_shows_a_dark_mouth_between_two_rows_of_teeth(renderer: AvatarRenderer) -> None:
    scale, at = 16.0, close_up((0, -4), 16.0)
    shut, opened = expression(), expression(JawOpen=1)
    lips = landmarks_px(opened, at, scale)[LIPS_INNER]
    top, bottom, middle = (round(float(value)) for value in (lips[2, 1], lips[6, 1], lips[2, 0]))
    before, after = (
        renderer.render(alpha_exp, AHEAD, at, scale)[top : bottom + 1, middle - 4 : middle + 5].mean(axis=(1, 2))
        for alpha_exp in (shut, opened)
    )
    third = len(after) // 3
    inside, skin = after[third : 2 * third].mean(), before.mean()
    assert inside < 0.6 * skin
    assert after[:third].max() > 1.2 * skin, "upper teeth"
    assert after[-third:].max() > 1.2 * skin, "lower teeth"


@pytest.mark.parametrize(("side", "eye"), [("R", EYE_RIGHT), ("L", EYE_LEFT)])
def test_closed_eye_hides_white_and_iris(renderer: AvatarRenderer, side: str, eye: np.ndarray) -> None:
    scale, at = 16.0, close_up((0, 3.4), 16.0)
    opening = landmarks_px(expression(), at, scale)[eye]
    open_eye = patch(renderer.render(expression(), AHEAD, at, scale), opening).reshape(-1, 3)
    shut_eye = patch(renderer.render(expression(**{f"EyeClose_{side}": 1}), AHEAD, at, scale), opening).reshape(-1, 3)

    def white(pixels: UInt8) -> int:
        return int((pixels.min(axis=1) > 140).sum())

    def pupil(pixels: UInt8) -> int:
        return int((pixels.max(axis=1) < 45).sum())

    assert white(open_eye) > 50
    assert pupil(open_eye) > 10
    assert white(shut_eye) == 0
    assert pupil(shut_eye) == 0


def pupil_px(picture: UInt8, eye: Float32) -> Float32:
    """Middle of the darkest spot between the lids."""
    (x0, y0) = eye.min(axis=0).astype(int)
    spot = patch(picture, eye).max(axis=2) < 45
    y, x = np.nonzero(spot)
    return np.array([x0 + x.mean(), y0 + y.mean()])


def test_gaze_moves_the_pupils(renderer: AvatarRenderer) -> None:
    scale, at = 16.0, close_up((0, 3.4), 16.0)
    ahead = landmarks_px(expression(), at, scale)
    picture = renderer.render(expression(), AHEAD, at, scale)
    left, right = pupil_px(picture, ahead[EYE_LEFT]), pupil_px(picture, ahead[EYE_RIGHT])
    aside = renderer.render(expression(EyeLookOut_L=0.7, EyeLookIn_R=0.7), AHEAD, at, scale)
    assert pupil_px(aside, ahead[EYE_LEFT])[0] > left[0] + 4, "to the subject's left: the image's right"
    assert pupil_px(aside, ahead[EYE_RIGHT])[0] > right[0] + 4
    wide = {"EyeWide_L": 1.0, "EyeWide_R": 1.0}
    region = landmarks_px(expression(**wide), at, scale)
    up = renderer.render(expression(EyeLookUp_L=0.6, EyeLookUp_R=0.6, **wide), AHEAD, at, scale)
    assert pupil_px(up, region[EYE_LEFT])[1] < left[1] - 3
    assert pupil_px(up, region[EYE_RIGHT])[1] < right[1] - 3


def centroid(picture: UInt8, background: UInt8) -> Float32:
    y, x = np.nonzero(np.abs(picture.astype(int) - background).max(axis=2) > 12)
    return np.array([x.mean(), y.mean()])


def test_head_turns_as_the_angles_say() -> None:
    """A red head with a green spot at the tip of the nose."""
    from avatar_bridge.preview.renderer import AvatarRenderer

    skin = default_avatar().parts[0]
    model = default_face_model()
    nose = model.face()[model.topology.landmarks[30]]
    near = np.linalg.norm(skin.neutral - nose, axis=1) < 0.6
    colors = np.where(near[:, None], [0.0, 1, 0], [1.0, 0, 0]).astype(np.float32)
    marked = Avatar((replace(skin, uv=None, texture=None, colors=colors),))

    def nose_px(pitch: float, yaw: float, roll: float, *place: object) -> Float32:
        picture = marked_renderer.render(expression(), np.array([pitch, yaw, roll], np.float32), *place)
        y, x = np.nonzero((picture[..., 1] > 60) & (picture[..., 2] < 20) & (picture[..., 0] < 20))
        assert len(x), "the nose is in the picture"
        return np.array([x.mean(), y.mean()]) + 0.5

    with AvatarRenderer(marked, SIZE, SIZE, samples=0) as marked_renderer:
        ahead = nose_px(0, 0, 0)
        assert nose_px(0, 0.4, 0)[0] > ahead[0] + 10, "yaw > 0 looks to the right of the image"
        assert nose_px(0, -0.4, 0)[0] < ahead[0] - 10
        assert nose_px(0.3, 0, 0)[1] < ahead[1] - 8, "pitch > 0 looks up"
        np.testing.assert_allclose(nose_px(0, 0, 0.5), ahead, atol=6)
        place = np.array([60, 140], np.float32)
        expected = project(nose[None], np.array([0.2, 0.5, -0.3]), place, np.float64(5.0))[0, :2]
        np.testing.assert_allclose(nose_px(0.2, 0.5, -0.3, place, 5.0), expected, atol=1.5)


def test_roll_is_clockwise(renderer: AvatarRenderer) -> None:
    upright, rolled = (renderer.render(expression(), np.array([0, 0, roll], np.float32)) for roll in (0, 0.4))
    upper = np.s_[: SIZE // 3]
    background = renderer._background
    assert centroid(rolled[upper], background[upper])[0] > centroid(upright[upper], background[upper])[0] + 6


def test_shoulders_stay_where_they_are(renderer: AvatarRenderer) -> None:
    ahead, turned = (renderer.render(expression(), np.array([0, yaw, 0], np.float32)) for yaw in (0, 0.6))
    bottom = np.s_[-3:]
    assert np.abs(ahead[bottom].astype(int) - turned[bottom]).mean() < 12
    middle = np.s_[SIZE // 3 : SIZE // 2]
    assert np.abs(ahead[middle].astype(int) - turned[middle]).mean() > 12


def test_same_values_same_picture(renderer: AvatarRenderer) -> None:
    first = renderer.render(expression(MouthSmile_L=1), np.array([0.1, 0.2, 0.3]))
    other = renderer.render(expression(JawOpen=1), AHEAD)
    again = renderer.render(expression(MouthSmile_L=1), np.array([0.1, 0.2, 0.3]))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_edges_are_smooth_with_samples() -> None:
    from avatar_bridge.preview.renderer import AvatarRenderer

    covered = {}
    for samples in (0, 4):
        with AvatarRenderer(default_avatar(), SIZE, SIZE, samples) as made:
            made.render(expression(), AHEAD)
            covered[samples] = np.unique(made._context.draw(made._scene)[..., 3])
    np.testing.assert_array_equal(covered[0], [0, 255])
    assert len(covered[4]) == 5, f"four samples have five coverages, got {covered[4]}"


def resident_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_many_frames_leak_nothing(renderer: AvatarRenderer) -> None:
    from OpenGL.GL import glGenBuffers, glIsBuffer

    def draw(count: int) -> None:
        for number in range(count):
            renderer.render(expression(JawOpen=number % 10 / 10), np.array([0, number / count - 0.5, 0]))

    draw(10)
    buffers = [list(p._buffers) for p in renderer._primitives]
    memory, handles = resident_kib(), len(os.listdir("/proc/self/fd"))
    draw(50)
    assert [list(p._buffers) for p in renderer._primitives] == buffers, "no buffer is made per frame"
    assert all(glIsBuffer(name) for names in buffers for name in names)
    assert glGenBuffers(1) <= max(name for names in buffers for name in names) + 8
    assert len(os.listdir("/proc/self/fd")) <= handles
    assert resident_kib() - memory < 8 * 1024, "50 frames of 192x192x4 bytes would be 7 MiB on their own"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_renderers_come_and_go(renderer: AvatarRenderer) -> None:
    """Closing one leaves the others alone, and nothing is left of it."""
    from avatar_bridge.preview.renderer import AvatarRenderer

    before = renderer.render(expression(), AHEAD)

    def come_and_go() -> None:
        with AvatarRenderer(default_avatar(), 64, 64) as other:
            other.render(expression(), AHEAD)

    come_and_go()
    memory, handles = resident_kib(), len(os.listdir("/proc/self/fd"))
    for _ in range(6):
        come_and_go()
    assert len(os.listdir("/proc/self/fd")) <= handles
    assert resident_kib() - memory < 48 * 1024
    np.testing.assert_array_equal(renderer.render(expression(), AHEAD), before)


def test_closed_renderer_says_so() -> None:
    from avatar_bridge.preview.renderer import AvatarRenderer

    made = AvatarRenderer(default_avatar(), 32, 32)
    made.close()
    made.close()
    with pytest.raises(AvatarError, match="closed"):
        made.render(expression(), AHEAD)


def test_other_thread_is_refused(renderer: AvatarRenderer) -> None:
    caught: list[Exception] = []

    def draw() -> None:
        try:
            renderer.render(expression(), AHEAD)
        except AvatarError as error:
            caught.append(error)

    thread = threading.Thread(target=draw)
    thread.start()
    thread.join()
    assert len(caught) == 1
    assert "thread" in str(caught[0])


@pytest.mark.parametrize(
    "broken",
    [
        {"alpha_exp": np.full(46, np.nan, np.float32)},
        {"euler_rad": np.array([0, np.inf, 0])},
        {"translation_px": np.array([np.nan, 0])},
    ],
)
def test_values_that_are_not_finite_are_refused(renderer: AvatarRenderer, broken: dict[str, np.ndarray]) -> None:
    with pytest.raises(AvatarError, match="finite"), np.errstate(invalid="ignore"):
        renderer.render(**({"alpha_exp": expression(), "euler_rad": AHEAD} | broken))


@pytest.mark.parametrize("size", [(0, 64, 4), (64, 9000, 4), (64, 64, 3)])
def test_impossible_sizes_are_refused(size: tuple[int, int, int]) -> None:
    from avatar_bridge.preview.renderer import AvatarRenderer

    with pytest.raises(AvatarError, match="cannot draw"):
        AvatarRenderer(default_avatar(), *size)


TRY_TO_DRAW = """
from avatar_bridge.avatar import default_avatar
from avatar_bridge.errors import AvatarError
from avatar_bridge.preview.renderer import AvatarRenderer
try:
    AvatarRenderer(default_avatar(), 32, 32)
except AvatarError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="EGL is Linux's")
@pytest.mark.parametrize(
    "missing",
    [
        {"__EGL_VENDOR_LIBRARY_FILENAMES": "/nonexistent/vendor.json"},  # libEGL finds no driver
        {"EGL_DEVICE_ID": "9999"},  # no such device
        {"PYOPENGL_PLATFORM": "osmesa"},  # a platform whose library is not there
    ],
    ids=lambda missing: next(iter(missing)),
)
def test_no_opengl_is_said_in_one_line(missing: dict[str, str]) -> None:
    environment = os.environ | {"PYOPENGL_PLATFORM": "egl"} | missing
    if missing.get("PYOPENGL_PLATFORM") == "osmesa":
        from ctypes.util import find_library

        if find_library("OSMesa"):
            pytest.skip("OSMesa is installed here")
    done = subprocess.run(
        [sys.executable, "-c", TRY_TO_DRAW], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().splitlines()
    assert len(lines) == 1
    assert "no OpenGL" in lines[0]
    assert "libegl1 libgl1 libgles2" in lines[0]
