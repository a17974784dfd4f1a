"""The live window: drawn off screen, shown by OpenCV."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from avatar_bridge.errors import AvatarError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.preview.bars import N_BARS, draw_all_bars, draw_bars, put_text, text_size
from avatar_bridge.preview.camera_picture import CameraPicture
from avatar_bridge.preview.face_row import FaceRow
from avatar_bridge.preview.renderer import AvatarRenderer
from avatar_bridge.subscriber import Subscriber
from rdr_core.face_model.blendshape_names import N_EXPRESSIONS
from rdr_core.types import UInt8

TITLE: Final = "RDR Live - ? shows the keys"
HELP: Final = (
    "drag        look from elsewhere",
    "wheel + -   nearer, farther",
    "0           look from ahead again",
    "h           hold the head still",
    "m           mirror",
    "w           wireframe",
    "b           bars: 6 strongest, all 46, none",
    "l           landmarks",
    "c           the camera's picture",
    "s           save a picture",
    "? q         these keys; quit",
)
_ZOOM: Final = 1.1
_ZOOMS: Final = (0.4, 8.0)
_RAD_PER_PX: Final = 0.008
_MAX_UP_RAD: Final = 1.4
_INSET: Final = 0.3
"""Side of the landmarks' picture, of the window's."""
NO_DISPLAY: Final = "no display to open a window on ({reason}); write a video instead: rdr preview --out avatar.mp4"
_QUIT: Final = (ord("q"), 27)
_PROBE: Final = "import cv2; cv2.namedWindow('probe'); cv2.destroyAllWindows()"
_PROBE_TIMEOUT_S: Final = 20.0


class LiveView:
    """What the window shows, and what its keys do."""

    def __init__(
        self, renderer: AvatarRenderer, folder: Path = Path(), faces: int = 1, camera: CameraPicture | None = None
    ) -> None:
        """Pictures are saved in `folder`; `faces` stand beside each other; `camera` brings what it sees."""
        self.renderer = renderer
        self._row = FaceRow(renderer, faces)
        self.folder = folder
        self.mirrored = True
        """As in a mirror, which is what people expect of themselves."""
        self.bars = 0
        """0, N_BARS or all of them."""
        self.zoom = 1.0
        self.orbit_rad = (0.0, 0.0)
        """Up and to the right of the picture."""
        self.head_locked = self.wireframe = self.landmarks = self.help = False
        self.camera = camera
        self.camera_shown = False
        self._dragged_from: tuple[int, int] | None = None
        self.picture = self._row.picture

    def draw(self, frame: FaceFrame, caption: str = "", place: int = 0) -> UInt8:
        """Draw the face at a place as a frame says; returns all of them, (H, faces W, 3) BGR."""
        euler_rad = np.zeros(3, np.float32) if self.head_locked else frame.euler_rad
        scale = self.renderer.px_per_cm * self.zoom
        picture = self.renderer.render(frame.alpha_exp, euler_rad, None, scale, orbit_rad=self._seen_from())
        square = np.ascontiguousarray(picture[:, ::-1]) if self.mirrored else picture
        if self.bars:
            (draw_bars if self.bars == N_BARS else draw_all_bars)(square, frame.alpha_exp)
        if self.landmarks or self.camera_shown:
            camera = self.camera if self.camera_shown else None
            draw_inset(square, frame, self.mirrored, camera, between=self.bars == N_EXPRESSIONS)
        size = text_size(square)
        put_text(square, caption if frame.tracked else "face lost", (10, round(34 * size) + 4), size)
        if self.help and place == 0:
            draw_help(square)
        self._row.put(place, square)
        self.picture = self._row.picture
        return self.picture

    def press(self, key: int) -> bool:
        """Do what a key asks for; False: quit."""
        if key == ord("m"):
            self.mirrored = not self.mirrored
        elif key == ord("b"):
            self.bars = {0: N_BARS, N_BARS: N_EXPRESSIONS}.get(self.bars, 0)
        elif key == ord("h"):
            self.head_locked = not self.head_locked
        elif key == ord("w"):
            self.wireframe = not self.wireframe
            self.renderer.set_wireframe(self.wireframe)
        elif key == ord("l"):
            self.landmarks = not self.landmarks
        elif key == ord("c") and self.camera is not None:
            self.camera_shown = not self.camera_shown
            self.camera.want(self.camera_shown)
        elif key == ord("?"):
            self.help = not self.help
        elif key == ord("0"):
            self.zoom, self.orbit_rad = 1.0, (0.0, 0.0)
        elif key in (ord("+"), ord("="), ord("-")):
            self.zoom_by(1 / _ZOOM if key == ord("-") else _ZOOM)
        elif key == ord("s"):
            self.save()
        return key not in _QUIT

    def zoom_by(self, factor: float) -> None:
        """Show the head so many times as large, within bounds."""
        self.zoom = float(np.clip(self.zoom * factor, *_ZOOMS))

    def mouse(self, event: int, x: int, y: int, flags: int, _: object = None) -> None:
        """Orbit by dragging, zoom by the wheel: what OpenCV calls."""
        if event == cv2.EVENT_LBUTTONDOWN:
            self._dragged_from = x, y
        elif event == cv2.EVENT_LBUTTONUP:
            self._dragged_from = None
        elif event == cv2.EVENT_MOUSEMOVE and self._dragged_from is not None:
            right = self.orbit_rad[1] - (x - self._dragged_from[0]) * _RAD_PER_PX
            up = self.orbit_rad[0] + (y - self._dragged_from[1]) * _RAD_PER_PX
            self.orbit_rad = float(np.clip(up, -_MAX_UP_RAD, _MAX_UP_RAD)), right
            self._dragged_from = x, y
        elif event == cv2.EVENT_MOUSEWHEEL:
            self.zoom_by(_ZOOM if flags > 0 else 1 / _ZOOM)

    def _seen_from(self) -> tuple[float, float]:
        """In a mirror, what is dragged to the right must go there, too."""
        up, right = self.orbit_rad
        return up, -right if self.mirrored else right

    def save(self) -> Path:
        """Write the last picture as a PNG named by the time; it appears only when it is whole."""
        path = self.folder / time.strftime("avatar_%Y%m%d_%H%M%S.png")
        temporary = path.with_name(f".{path.stem}.part.png")
        cv2.imwrite(str(temporary), self.picture)
        os.replace(temporary, path)
        print(f"wrote {path}")
        return path


def draw_inset(
    picture: UInt8, frame: FaceFrame, mirrored: bool, camera: CameraPicture | None = None, between: bool = False
) -> None:
    """Draw the 68 landmarks at the bottom right, or in the middle `between` bars, small, in the frame of the camera's
    picture, and that where there is one."""
    width, height = frame.source_size_px
    shrink = _INSET * picture.shape[1] / max(width, height, 1)
    inset = np.zeros((max(1, round(height * shrink)), max(1, round(width * shrink)), 3), np.uint8)
    seen = camera.newest if camera else None
    if camera is not None and seen is None:
        put_text(inset, camera.trouble, (4, 14), 0.3)
    elif seen is not None:
        seen = cv2.resize(seen, (inset.shape[1], inset.shape[0]), interpolation=cv2.INTER_AREA)
        inset = np.ascontiguousarray(seen[:, ::-1] if mirrored else seen)
    if frame.landmarks_px is None:
        put_text(inset, "no landmarks in this stream", (4, inset.shape[0] // 2), 0.3)
    for x, y in () if frame.landmarks_px is None else frame.landmarks_px.astype(float):
        if 0 <= x < width and 0 <= y < height:
            at = round((width - 1 - x if mirrored else x) * shrink), round(y * shrink)
            cv2.circle(inset, at, 1, (90, 200, 90), -1, cv2.LINE_AA)
    left = (picture.shape[1] - inset.shape[1]) // (2 if between else 1)
    picture[-inset.shape[0] :, left : left + inset.shape[1]] = inset


def draw_help(picture: UInt8) -> None:
    """Write the keys over the middle of the picture."""
    size = text_size(picture)
    row, top = round(36 * size), picture.shape[0] // 4
    picture[top : top + (len(HELP) + 1) * row] //= 3
    for number, line in enumerate(HELP, 1):
        keys, _, what = line.partition("  ")
        put_text(picture, keys, (16, top + number * row), size)
        put_text(picture, what.strip(), (16 + round(210 * size), top + number * row), size)


def show_window(
    stream: Subscriber,
    renderer: AvatarRenderer,
    frames: Iterator[tuple[int, FaceFrame] | None],
    faces: int = 1,
    camera: CameraPicture | None = None,
) -> None:
    """Show frames, each at its place, until q, Esc, the window's close button, or their end. Raises AvatarError without
    a display."""
    check_display()
    view = LiveView(renderer, faces=faces, camera=camera)
    cv2.namedWindow(TITLE, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)
    cv2.setMouseCallback(TITLE, view.mouse)
    try:
        cv2.imshow(TITLE, view.picture)
        for came in frames:
            if came is not None:
                place, frame = came
                who = f"face {frame.face_id}: " if faces > 1 else ""
                cv2.imshow(TITLE, view.draw(frame, who + caption(stream), place))
            is_open = view.press(cv2.waitKey(1) & 0xFF)
            if not is_open or cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
                return
    finally:
        cv2.destroyAllWindows()


def check_display() -> None:
    """Raise AvatarError where no window can be opened.

    Tried in a process of its own: where the display cannot be reached, Qt in OpenCV ends the process it is in.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise AvatarError(NO_DISPLAY.format(reason="DISPLAY is not set"))
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise AvatarError(NO_DISPLAY.format(reason="the display does not answer")) from None
    if probe.returncode:
        reason = (probe.stderr.strip().splitlines() or ["OpenCV opens none"])[0]
        raise AvatarError(NO_DISPLAY.format(reason=reason[:120]))


def caption(stream: Subscriber) -> str:
    """Rate and delay of a stream."""
    stats = stream.stats()
    delay = "" if stats.capture_latency_p50_ms is None else f", {stats.capture_latency_p50_ms:.0f} ms"
    return f"{stats.fps:.0f} fps{delay}"
