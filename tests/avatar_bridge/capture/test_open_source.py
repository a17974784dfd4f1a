from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar_bridge.capture import ImageFolderSource, VideoSource, open_source
from avatar_bridge.errors import CameraError, VideoError


def test_what_is_typed_decides(video: Path, tmp_path: Path) -> None:
    picture = tmp_path / "face.PNG"
    picture.write_bytes(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    assert isinstance(open_source(str(video)), VideoSource)
    assert isinstance(open_source(picture), ImageFolderSource)
    assert isinstance(open_source(str(tmp_path)), ImageFolderSource)
    for spec in ("camera:999", "999"):
        with pytest.raises(CameraError, match="999"):
            open_source(spec)


@pytest.mark.parametrize("spec", ["missing.mp4", "camera:", "camera:x", "-1", "http://example.org/a.mp4"])
def test_anything_else_says_what_would_do(spec: str) -> None:
    with pytest.raises(VideoError, match="give a camera number") as caught:
        open_source(spec)
    assert spec in str(caught.value)
