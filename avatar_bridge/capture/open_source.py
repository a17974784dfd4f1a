"""From what a user types to a source: "0" or "camera:0", a video, a picture, a folder."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from avatar_bridge.capture.camera import CameraSource
from avatar_bridge.capture.frames import FrameSource
from avatar_bridge.capture.images import IMAGE_SUFFIXES, ImageFolderSource
from avatar_bridge.capture.lasting import LastingSource
from avatar_bridge.capture.video import VideoSource
from avatar_bridge.errors import VideoError


def open_source(spec: str | Path, lasting: bool = False) -> FrameSource:
    """Return the source that `spec` names. Raises CameraError or VideoError in one line.

    lasting: a camera that is lost later is waited for (a LastingSource).
    """
    camera = re.fullmatch(r"(?:camera:)?(\d{1,3})", str(spec))
    if camera:
        open_camera = partial(CameraSource, int(camera[1]))
        return LastingSource(open_camera) if lasting else open_camera()
    path = Path(spec).expanduser()
    if path.is_dir() or (path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES):
        return ImageFolderSource(path)
    if path.is_file():
        return VideoSource(path)
    raise VideoError(f"no such file or folder: {spec}; give a camera number (0), a video, a picture or a folder")
