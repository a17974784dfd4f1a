"""Several faces beside each other, each as its own avatar."""

from __future__ import annotations

import numpy as np

from avatar_bridge.messages import FaceFrame
from avatar_bridge.preview.renderer import AvatarRenderer
from rdr_core.types import UInt8


class FaceRow:
    """A picture that is as wide as there are faces; who has not come yet is at rest."""

    def __init__(self, renderer: AvatarRenderer, faces: int = 1) -> None:
        at_rest = renderer.render(np.zeros(46, np.float32), np.zeros(3, np.float32))
        self._renderer = renderer
        self._squares = [at_rest] * faces
        self.shown: set[int] = set()
        """Places of those who have come."""

    @property
    def picture(self) -> UInt8:
        """(H, faces W, 3) BGR."""
        return self._squares[0] if len(self._squares) == 1 else np.hstack(self._squares)

    def draw(self, place: int, frame: FaceFrame) -> None:
        """Draw one of them anew, with the expression and rotation of a frame."""
        self.put(place, self._renderer.render(frame.alpha_exp, frame.euler_rad))

    def put(self, place: int, square: UInt8) -> None:
        """Show a picture at a place."""
        self._squares[place] = square
        self.shown.add(place)
