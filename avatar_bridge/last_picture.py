"""What a camera saw last, small enough to be sent for a look."""

from __future__ import annotations

from typing import Final

import cv2

from avatar_bridge.capture.frames import CapturedFrame
from avatar_bridge.control_messages import MAX_PICTURE_BYTES, Picture
from avatar_bridge.errors import ControlError

LONGER_SIDE_PX: Final = 360
_QUALITIES: Final = (75, 50, 25)


class LastPicture:
    """Written by the thread that tracks, read by any other."""

    def __init__(self) -> None:
        self.captured: CapturedFrame | None = None

    def small(self) -> Picture:
        """Return it. ControlError before the first one."""
        captured = self.captured
        if captured is None:
            raise ControlError("no picture has come from the camera yet: ask again in a moment")
        height, width = captured.image_bgr.shape[:2]
        shrink = min(1.0, LONGER_SIDE_PX / max(height, width))
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        small = cv2.resize(captured.image_bgr, size, interpolation=cv2.INTER_AREA)
        for quality in _QUALITIES:
            jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
            if len(jpeg) <= MAX_PICTURE_BYTES:
                return Picture(jpeg=jpeg, capture_time_ns=captured.capture_time_ns)
        raise ControlError("the picture is too large to be sent")
