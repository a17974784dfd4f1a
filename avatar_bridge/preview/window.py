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
from avatar_bridge.preview.bars import draw_bars, put_text, text_size
from avatar_bridge.preview.renderer import AvatarRenderer
from avatar_bridge.subscriber import Subscriber
from rdr_core.types import UInt8

TITLE: Final = "RDR Live - q quits, m mirrors, b shows bars, s saves a picture"
NO_DISPLAY: Final = "no display to open a window on ({reason}); write a video instead: rdr preview --out avatar.mp4"
_QUIT: Final = (ord("q"), 27)
_PROBE: Final = "import cv2; cv2.namedWindow('probe'); cv2.destroyAllWindows()"
_PROBE_TIMEOUT_S: Final = 20.0


class LiveView:
    """What the window shows, and what its keys do."""

    def __init__(self, renderer: AvatarRenderer, folder: Path = Path()) -> None:
        """Pictures are saved in `folder`."""
        self.renderer = renderer
        self.folder = folder
        self.mirrored = True
        """As in a mirror, which is what people expect of themselves."""
        self.bars = False
        self.picture = renderer.render(np.zeros(46, np.float32), np.zeros(3, np.float32))

    def draw(self, frame: FaceFrame, caption: str = "") -> UInt8:
        """Return the avatar as a frame says, (H, W, 3) BGR."""
        picture = self.renderer.render(frame.alpha_exp, frame.euler_rad)
        self.picture = np.ascontiguousarray(picture[:, ::-1]) if self.mirrored else picture
        if self.bars:
            draw_bars(self.picture, frame.alpha_exp)
        size = text_size(self.picture)
        put_text(self.picture, caption if frame.tracked else "face lost", (10, round(34 * size) + 4), size)
        return self.picture

    def press(self, key: int) -> bool:
        """Do what a key asks for; False: quit."""
        if key == ord("m"):
            self.mirrored = not self.mirrored
        elif key == ord("b"):
            self.bars = not self.bars
        elif key == ord("s"):
            self.save()
        return key not in _QUIT

    def save(self) -> Path:
        """Write the last picture as a PNG named by the time; it appears only when it is whole."""
        path = self.folder / time.strftime("avatar_%Y%m%d_%H%M%S.png")
        temporary = path.with_name(f".{path.stem}.part.png")
        cv2.imwrite(str(temporary), self.picture)
        os.replace(temporary, path)
        print(f"wrote {path}")
        return path


def show_window(stream: Subscriber, renderer: AvatarRenderer, frames: Iterator[FaceFrame | None]) -> None:
    """Show frames until q, Esc, the window's close button, or their end. Raises AvatarError without a display."""
    check_display()
    view = LiveView(renderer)
    cv2.namedWindow(TITLE, cv2.WINDOW_AUTOSIZE)
    try:
        cv2.imshow(TITLE, view.picture)
        for frame in frames:
            if frame is not None:
                cv2.imshow(TITLE, view.draw(frame, caption(stream)))
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
