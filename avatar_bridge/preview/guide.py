"""The guide of a calibration: the camera's picture as in a mirror, what is asked for, and how far it is."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar_bridge.preview.bars import put_text, text_size
from calibration.session import Step
from rdr_core.types import Float32, UInt8

TITLE: Final = "RDR Live: calibration - q ends"
NO_FACE: Final = "No face: look into the camera, in better light"
_NOTICE_FRAMES: Final = 40
"""So long a notice stays."""
_GREEN: Final = (90, 200, 90)
_GRAY: Final = (70, 70, 70)
_QUIT: Final = (ord("q"), 27)


class Guide:
    """What the window of a calibration shows; drawn without one."""

    def __init__(self, poses: int) -> None:
        """`poses`: how many are asked for."""
        self._poses, self._notice, self._left = poses, "", 0

    def draw(self, image_bgr: UInt8, landmarks_px: Float32 | None, step: Step | None, shown: int) -> UInt8:
        """Return the picture to show, (H, W, 3) BGR, mirrored.

        Args:
            image_bgr: (H, W, 3) of the camera.
            landmarks_px: (68, 2) of the face; None where there is none.
            step: what the session said last.
            shown: how many poses were held.
        """
        picture = np.ascontiguousarray(image_bgr[:, ::-1])
        height, width = picture.shape[:2]
        if landmarks_px is not None:
            for x, y in landmarks_px:
                cv2.circle(picture, (round(width - float(x)), round(float(y))), max(1, width // 400), _GREEN, -1)
        size = text_size(picture)
        line = round(34 * size)
        if step is not None and step.notice:
            self._notice, self._left = step.notice, _NOTICE_FRAMES
        prompt = NO_FACE if landmarks_px is None else "" if step is None else step.prompt
        put_text(picture, prompt, (10, line + 4), size)
        if self._left > 0:
            self._left -= 1
            put_text(picture, self._notice, (10, 2 * line + 8), size)
        _bar(picture, height - line, 0.0 if step is None or landmarks_px is None else step.progress, _GREEN)
        _bar(picture, height - line // 2, shown / self._poses, _GRAY)
        return picture


def _bar(picture: UInt8, top: int, share: float, color: tuple[int, int, int]) -> None:
    width = picture.shape[1] - 20
    bottom = top + max(4, picture.shape[0] // 60)
    cv2.rectangle(picture, (10, top), (10 + width, bottom), (30, 30, 30), -1)
    if share > 0:
        cv2.rectangle(picture, (10, top), (10 + round(width * min(share, 1.0)), bottom), color, -1)


class GuideWindow:
    """The guide on the screen, for use in a `with` block; `wanted` False: nothing is shown."""

    def __init__(self, poses: int, wanted: bool) -> None:
        self._guide, self._wanted = Guide(poses), wanted

    def __enter__(self) -> GuideWindow:
        if self._wanted:
            cv2.namedWindow(TITLE, cv2.WINDOW_AUTOSIZE)
        return self

    def __exit__(self, *_: object) -> None:
        if self._wanted:
            cv2.destroyAllWindows()

    def show(self, image_bgr: UInt8, landmarks_px: Float32 | None, step: Step | None, shown: int) -> bool:
        """Show a picture; False: the person has ended the session."""
        if not self._wanted:
            return True
        cv2.imshow(TITLE, self._guide.draw(image_bgr, landmarks_px, step, shown))
        pressed = cv2.waitKey(1) & 0xFF
        return pressed not in _QUIT and cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
