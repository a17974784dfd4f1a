"""The live window: drawn off screen, shown by OpenCV."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from avatar_bridge.errors import AvatarError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.preview.renderer import AvatarRenderer
from avatar_bridge.subscriber import Subscriber
from rdr_core.types import UInt8

TITLE: Final = "RDR Live - q quits, m mirrors, s saves a picture"
NO_DISPLAY: Final = "no display to open a window on; write a video instead: rdr preview --out avatar.mp4"
_KEYS_QUIT: Final = (ord("q"), 27)


def show_window(stream: Subscriber, renderer: AvatarRenderer, frames: Iterator[FaceFrame | None]) -> None:
    """Show frames until q, Esc, the window's close button, or their end. Raises AvatarError without a display."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise AvatarError(NO_DISPLAY)
    try:
        cv2.namedWindow(TITLE, cv2.WINDOW_AUTOSIZE)
    except cv2.error as error:
        raise AvatarError(NO_DISPLAY) from error
    mirrored = True  # as in a mirror, which is what people expect of themselves
    cv2.imshow(TITLE, renderer.render(np.zeros(46, np.float32), np.zeros(3, np.float32)))
    try:
        for frame in frames:
            if frame is not None:
                picture = renderer.render(frame.alpha_exp, frame.euler_rad)
                picture = np.ascontiguousarray(picture[:, ::-1]) if mirrored else picture
                label(picture, stream, frame)
                cv2.imshow(TITLE, picture)
            key = cv2.waitKey(1) & 0xFF
            if key in _KEYS_QUIT or cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
                return
            if key == ord("m"):
                mirrored = not mirrored
            if key == ord("s") and frame is not None:
                path = Path(time.strftime("avatar_%Y%m%d_%H%M%S.png"))
                cv2.imwrite(str(path), picture)
                print(f"wrote {path}")
    finally:
        cv2.destroyAllWindows()


def label(picture: UInt8, stream: Subscriber, frame: FaceFrame) -> None:
    """Write rate, delay and state into a corner."""
    stats = stream.stats()
    delay = "" if stats.capture_latency_p50_ms is None else f", {stats.capture_latency_p50_ms:.0f} ms"
    text = f"{stats.fps:.0f} fps{delay}" if frame.tracked else "face lost"
    cv2.putText(picture, text, (10, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (235, 235, 235), 1, cv2.LINE_AA)
