"""A contact sheet of the avatar: every expression on several identities, labelled.

E: expressions (46), one block each after the neutral one; n: identities, side by side in a block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

import cv2
import numpy as np

from avatar_bridge.avatar import Avatar, load_skin, sample_identity
from avatar_bridge.errors import AvatarError
from avatar_bridge.preview.renderer import AvatarRenderer
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES, N_EXPRESSIONS
from rdr_core.face_model.dynamic_expression_model import shipped_face_model
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.types import Float32, UInt8

LABELS: Final = ("Neutral", *BLENDSHAPE_NAMES)
MAX_IDENTITIES: Final = 12
SIDES_PX: Final = (64, 512)
_VIEW_CM: Final = 19.0
"""Side of a cell: forehead to the chin of an open jaw."""
_VIEW_CENTER_CM: Final = (0.0, -1.5, 8.0)
"""Model point in its middle, however the head is turned."""
_LABEL_SHARE: Final = 0.12
_GAP_PX: Final = 4
_PAPER: Final = 24


def draw_sheet(
    identities: int, size_px: int, yaw_rad: float = 0.0, progress: Callable[[str], object] = lambda label: None
) -> UInt8:
    """Draw neutral and all expressions, at 1 each, on the mean face and on others of the model's prior.

    Args:
        identities: how many; the first is the mean face.
        size_px: side of one face.
        yaw_rad: turns all heads.
        progress: called with the label of each face drawn.

    Returns:
        (H, W, 3) uint8 BGR. Raises AvatarError for sizes out of range and where there is no OpenGL.
    """
    if not (1 <= identities <= MAX_IDENTITIES and SIDES_PX[0] <= size_px <= SIDES_PX[1]):
        raise AvatarError(
            f"a sheet has 1 to {MAX_IDENTITIES} identities of {SIDES_PX[0]} to {SIDES_PX[1]} px, "
            f"got {identities} of {size_px} px"
        )
    layout = _Layout(identities, size_px)
    sheet = np.full((*layout.shape, 3), _PAPER, np.uint8)
    for block, label in enumerate(LABELS):
        layout.write(sheet, block, label)
    for identity in range(identities):
        for block, face in enumerate(_faces(identity, size_px, yaw_rad)):
            progress(LABELS[block])
            layout.paste(sheet, block, identity, face)
    return sheet


def _faces(seed: int, size_px: int, yaw_rad: float) -> Iterator[UInt8]:
    """Yield an identity's neutral face and its expressions."""
    avatar = Avatar.of_model(shipped_face_model(), load_skin(), sample_identity(seed))
    euler, scale = np.array([0, yaw_rad, 0], np.float32), size_px / _VIEW_CM
    middle = matrix_from_euler(euler.astype(np.float64)) @ np.array(_VIEW_CENTER_CM)
    place = (size_px / 2 + scale * middle[:2] * [-1, 1]).astype(np.float32)  # image y runs down
    with AvatarRenderer(avatar, size_px, size_px) as renderer:
        for alpha_exp in _expressions():
            yield renderer.render(alpha_exp, euler, place, scale)


def _expressions() -> Float32:
    """(E + 1, E): zeros, then one expression each."""
    return np.vstack([np.zeros(N_EXPRESSIONS), np.eye(N_EXPRESSIONS)]).astype(np.float32)


class _Layout:
    """Where things lie on the sheet, which is about as wide as it is high."""

    def __init__(self, identities: int, size_px: int) -> None:
        self.size_px = size_px
        self.label_px = max(12, round(_LABEL_SHARE * size_px))
        self.columns = max(1, round(math.sqrt(len(LABELS) / identities)))
        self.block = size_px + self.label_px + _GAP_PX, identities * size_px + _GAP_PX
        self.shape = math.ceil(len(LABELS) / self.columns) * self.block[0], self.columns * self.block[1]

    def corner(self, block: int) -> tuple[int, int]:
        """Return y and x of a block."""
        return block // self.columns * self.block[0], block % self.columns * self.block[1]

    def write(self, sheet: UInt8, block: int, label: str) -> None:
        y, x = self.corner(block)
        scale = self.label_px / 40
        at = x + 4, y + round(0.75 * self.label_px)
        cv2.putText(sheet, label, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (235, 235, 235), 1, cv2.LINE_AA)

    def paste(self, sheet: UInt8, block: int, column: int, face: UInt8) -> None:
        y, x = self.corner(block)
        y, x = y + self.label_px, x + column * self.size_px
        sheet[y : y + self.size_px, x : x + self.size_px] = face
