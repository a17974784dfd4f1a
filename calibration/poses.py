"""What a person is asked to show, and how it is told whether it was shown.

A pose is measured by one number: how strong an expression is over the face at rest, or how far the head is turned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from calibration.observation import Observation
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.types import Float32


@dataclass(frozen=True)
class PoseToShow:
    """One line of the session."""

    key: str
    """Short name, for reports."""
    prompt: str
    """What the person is asked for."""
    least: float
    """The measure must reach it: a coefficient over rest, or degrees."""
    shapes: tuple[str, ...] = ()
    """Expressions that this pose shows at full strength; none for turns of the head."""
    measured_by: Callable[[Observation], float] | None = None
    """Degrees that the head is turned; None: by `shapes`."""
    hold_s: float = 0.6
    """How long it must be held."""

    def measure(self, frame: Observation, rest: Float32) -> float:
        """Return how far a frame shows it; rest: (46,) coefficients of the face at rest."""
        if self.measured_by is not None:
            return self.measured_by(frame)
        columns = [BLENDSHAPE_NAMES.index(name) for name in self.shapes]
        return float(np.mean((frame.alpha_exp - rest)[columns]))

    def angle_rad(self, frame: Observation) -> float:
        """Return how far the head is turned as this pose asks, rad; 0 where it asks for an expression."""
        return 0.0 if self.measured_by is None else float(np.radians(self.measured_by(frame)))

    def frontal(self, frame: Observation) -> bool:
        """Whether the head is turned as this pose wants it: expressions are judged from the front."""
        return self.measured_by is not None or (abs(frame.yaw_deg) < 25 and abs(frame.pitch_deg) < 25)


NEUTRAL: Final = "neutral"
NEUTRAL_PROMPT: Final = "Look into the camera, face at rest, mouth closed"
POSES: Final = (
    PoseToShow("smile", "Smile as broadly as you can", 0.25, ("MouthSmile_L", "MouthSmile_R")),
    PoseToShow("open jaw", "Open your mouth wide", 0.3, ("JawOpen",)),
    PoseToShow("brows", "Raise your eyebrows", 0.2, ("BrowInnerUp", "BrowOuterUp_L", "BrowOuterUp_R")),
    PoseToShow("blink", "Close both eyes for a moment", 0.3, ("EyeClose_L", "EyeClose_R"), hold_s=0.35),
    PoseToShow("pucker", "Pucker your lips as for a kiss", 0.2, ("MouthPucker",)),
    PoseToShow("left", "Turn your head to your left, face at rest", 22.0, measured_by=lambda frame: frame.yaw_deg),
    PoseToShow("right", "Turn your head to your right, face at rest", 22.0, measured_by=lambda frame: -frame.yaw_deg),
    PoseToShow("up", "Lift your chin, face at rest", 10.0, measured_by=lambda frame: frame.pitch_deg),
    PoseToShow("down", "Lower your chin, face at rest", 10.0, measured_by=lambda frame: -frame.pitch_deg),
)
"""Asked for in this order, after the face at rest; what is shown earlier counts, too."""
