"""The strongest moment of each expression of a clip, beside the avatar: whether a face is read as a person would."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from avatar_bridge.avatar import default_avatar
from avatar_bridge.errors import StreamError
from avatar_bridge.pipeline import TrackedPicture
from avatar_bridge.preview.renderer import AvatarRenderer
from rdr_core.data.crop import crop_from_landmarks
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.landmarks import CURVES
from rdr_core.types import Float32, TrackedFace, UInt8

_MARGIN: Final = 1.7
"""Side of the picture of a face over the larger side of its landmarks' box."""
_PAPER: Final = 24
_INK: Final = (235, 235, 235)
_LINE_BGR: Final = (120, 220, 120)


@dataclass(frozen=True)
class Measure:
    """A number that says how much of an expression a face shows."""

    label: str
    names: tuple[str, ...]
    """Coefficients whose mean it is; none: the turn of the head in units of 45 degrees."""
    least: bool = False
    """The moment with the least of it."""

    def of(self, alpha_exp: Float32, euler_rad: Float32) -> float:
        """Measure a face."""
        if not self.names:
            return float(np.degrees(np.abs(euler_rad[1])) / 45)
        return float(np.mean([alpha_exp[BLENDSHAPE_NAMES.index(name)] for name in self.names]))


MEASURES: Final = (
    Measure("still", BLENDSHAPE_NAMES, least=True),
    Measure("eyes closed", ("EyeClose_L", "EyeClose_R")),
    Measure("eyes wide", ("EyeWide_L", "EyeWide_R")),
    Measure("brows up", ("BrowInnerUp", "BrowOuterUp_L", "BrowOuterUp_R")),
    Measure("brows down", ("BrowDown_L", "BrowDown_R")),
    Measure("jaw open", ("JawOpen",)),
    Measure("smile", ("MouthSmile_L", "MouthSmile_R")),
    Measure("pucker", ("MouthPucker", "MouthFunnel")),
    Measure("turned", ()),
)


@dataclass
class _Moment:
    value: float
    face: TrackedFace
    picture: UInt8


class Moments:
    """The best moment of each measure so far; memory does not grow with the clip."""

    def __init__(self, size_px: int, drawing: bool) -> None:
        """`drawing`: show the landmarks alone, where the picture must not be shown."""
        self.size_px, self.drawing = size_px, drawing
        self._best: dict[str, _Moment] = {}

    def add(self, picture: TrackedPicture) -> None:
        """Look at a picture's first tracked face."""
        face = next((face for face in picture.smoothed_faces() if face.tracked), None)
        if face is None:
            return
        prediction = face.prediction
        seen: UInt8 | None = None
        for measure in MEASURES:
            value = measure.of(prediction.alpha_exp, prediction.pose.euler_rad)
            best = self._best.get(measure.label)
            if best is None or (value < best.value if measure.least else value > best.value):
                seen = self._seen(picture.captured.image_bgr, face) if seen is None else seen
                self._best[measure.label] = _Moment(value, face, seen)

    def _seen(self, image: UInt8, face: TrackedFace) -> UInt8:
        """Return the face as it is in the picture, its landmarks drawn."""
        shape = face.prediction.shape
        crop = crop_from_landmarks(shape, self.size_px, 0.0, _MARGIN)
        view = np.full((self.size_px, self.size_px, 3), 2 * _PAPER, np.uint8) if self.drawing else crop.warp(image)
        points = (crop.points_to_crop(shape) * 16).round().astype(np.int32)
        for indices, closed in CURVES:
            cv2.polylines(view, [points[indices]], closed, _LINE_BGR, 1, cv2.LINE_AA, 4)
        return view

    def rows(self) -> list[tuple[str, float, TrackedFace, UInt8]]:
        """Return label, value, face and picture of each measure; StreamError where no face was seen."""
        if not self._best:
            raise StreamError("no face was found in the clip: is it upright and at least 40 px high?")
        best = ((measure.label, self._best[measure.label]) for measure in MEASURES)
        return [(label, moment.value, moment.face, moment.picture) for label, moment in best]


def draw_moments(
    clips: Iterable[tuple[str, Moments]], size_px: int, progress: Callable[[], object] = lambda: None
) -> UInt8:
    """Draw a pair of rows for each clip: faces above, the avatar with the same coefficients and rotation below.

    Returns (H, W, 3) uint8 BGR.
    """
    head = max(16, size_px // 8)
    blocks = []
    with AvatarRenderer(default_avatar(), size_px, size_px) as renderer:
        for name, moments in clips:
            columns = []
            for label, value, face, picture in moments.rows():
                title = np.full((head, size_px, 3), _PAPER, np.uint8)
                text = f"{label} {value:.2f}"
                cv2.putText(title, text, (4, head - 5), cv2.FONT_HERSHEY_SIMPLEX, head / 42, _INK, 1, cv2.LINE_AA)
                prediction = face.prediction
                avatar = renderer.render(prediction.alpha_exp, prediction.pose.euler_rad)
                columns.append(np.vstack([title, picture, avatar]))
                progress()
            block = np.hstack(columns)
            caption = np.full((head, block.shape[1], 3), _PAPER, np.uint8)
            cv2.putText(caption, name, (4, head - 5), cv2.FONT_HERSHEY_SIMPLEX, head / 36, _INK, 1, cv2.LINE_AA)
            blocks.append(np.vstack([caption, block]))
    return np.vstack(blocks)
