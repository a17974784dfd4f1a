"""The default avatar against a stored picture that was looked at: at rest and eight expressions, from three sides.

After a change that is meant: `python -m tests.avatar_bridge.preview.test_pictures` draws it anew; look at it.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar_bridge.avatar import default_avatar
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

pytestmark = pytest.mark.skipif(find_spec("pyrender") is None, reason="the preview extra is not installed")

STORED = Path(__file__).parents[3] / "docs" / "images" / "preview.jpg"
SIDE = 128
TOLERANCE = 6.0
"""Mean difference of one head's levels; JPEG takes about 2, another GL a little."""
POSES = ((0.0, 0.0, 0.0), (0.0, 0.6, 0.0), (-0.25, -0.4, 0.1))
EXPRESSIONS: dict[str, dict[str, float]] = {
    "rest": {},
    "blink": {"EyeClose_L": 1, "EyeClose_R": 1},
    "jaw": {"JawOpen": 1},
    "smile": {"MouthSmile_L": 1, "MouthSmile_R": 1},
    "pucker": {"MouthPucker": 1},
    "surprise": {"BrowInnerUp": 1, "EyeWide_L": 1, "EyeWide_R": 1},
    "look": {"EyeLookOut_L": 1, "EyeLookIn_R": 1},
    "talk": {"JawOpen": 0.4, "MouthSmile_L": 0.5, "MouthSmile_R": 0.5},
    "frown": {"MouthFrown_L": 1, "MouthFrown_R": 1, "BrowDown_L": 1, "BrowDown_R": 1},
}


def draw() -> np.ndarray:
    """(3 * SIDE, 9 * SIDE, 3) BGR: a row for each pose."""
    from avatar_bridge.preview.renderer import AvatarRenderer

    rows = []
    with AvatarRenderer(default_avatar(), SIDE, SIDE) as renderer:
        for pose in POSES:
            row = []
            for values in EXPRESSIONS.values():
                alpha_exp = np.zeros(len(BLENDSHAPE_NAMES), np.float32)
                for name, value in values.items():
                    alpha_exp[BLENDSHAPE_NAMES.index(name)] = value
                row.append(renderer.render(alpha_exp, np.array(pose, np.float32)))
            rows.append(np.hstack(row))
    return np.vstack(rows)


def heads(sheet: np.ndarray) -> np.ndarray:
    """(3, 9, SIDE, SIDE, 3)"""
    return sheet.reshape(len(POSES), SIDE, len(EXPRESSIONS), SIDE, 3).swapaxes(1, 2).astype(np.float32)


def test_heads_look_as_stored(headless_gl: None) -> None:
    stored, drawn = heads(cv2.imread(str(STORED))), heads(draw())
    own = np.abs(drawn - stored).mean(axis=(2, 3, 4))
    assert own.max() < TOLERANCE, f"differences {own.round(1).tolist()}"
    # the tolerance would hide an expression that is not drawn: each must be nearest to its own picture
    for pose in range(len(POSES)):
        off = np.abs(drawn[pose][:, None] - stored[pose][None]).mean(axis=(2, 3, 4))
        np.testing.assert_array_equal(off.argmin(axis=1), np.arange(len(EXPRESSIONS)))


if __name__ == "__main__":
    cv2.imwrite(str(STORED), draw(), [cv2.IMWRITE_JPEG_QUALITY, 90])
