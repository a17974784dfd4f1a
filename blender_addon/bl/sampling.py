"""Looking at a performer for a while: the face at rest, and its range; the result goes into the character."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ..core.calibration import Calibration, FaceSampler
from ..core.head_pose import rest_of
from ..core.protocol import FaceFrame

Kind = Literal["rest", "range"]


@dataclass(slots=True)
class Sampling:
    """Who is being looked at."""

    jobs: dict[tuple[str, str], tuple[Kind, FaceSampler]] = field(default_factory=dict)

    def start(self, scene: Any, character: Any, kind: Kind, seconds: float) -> None:
        """Look at a character's face from its next frame on."""
        self.jobs[scene.name, character.uid] = kind, FaceSampler(seconds)

    def kind_of(self, scene: Any, character: Any) -> Kind | None:
        """Return what a character is being looked at for; None: it is not."""
        job = self.jobs.get((scene.name, character.uid))
        return job[0] if job else None

    def look(self, scene: Any, character: Any, frame: FaceFrame) -> None:
        """Look at a frame of a character."""
        job = self.jobs.get((scene.name, character.uid))
        if job is None or not job[1].look(frame):
            return
        del self.jobs[scene.name, character.uid]
        kind, sampler = job
        (set_rest if kind == "rest" else set_range)(character, sampler)


def set_rest(character: Any, sampler: FaceSampler) -> None:
    """Make what was seen the face and the head at rest."""
    before = Calibration.from_text(character.calibration)
    character.calibration = Calibration.of(sampler.rest().tolist(), before.full.tolist()).to_text()
    character.calibrated = True
    frame = sampler.middle_frame()
    character.head_rest_rotation = rest_of(frame).quaternion
    place_head(character, frame)


def set_range(character: Any, sampler: FaceSampler) -> None:
    """Make the strongest of what was seen the full expressions."""
    before = Calibration.from_text(character.calibration)
    character.calibration = Calibration.of(before.rest.tolist(), sampler.full().tolist()).to_text()


def clear(character: Any) -> None:
    """Forget rest and range."""
    character.calibration, character.calibrated = "", False
    character.head_rest_rotation, character.head_rest_position = (1, 0, 0, 0), (0, 0)
    character.head_rest_scale = 0.0


def place_head(character: Any, frame: FaceFrame) -> None:
    """Make the place and the size of a frame's head the ones at rest."""
    rest = rest_of(frame)
    character.head_rest_position = rest.position_cm
    character.head_rest_scale = rest.scale_px_per_cm
