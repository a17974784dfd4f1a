"""The guided session: a state machine without a screen. Frames go in; what to ask for, and in the end a UserModel's
material, comes out. A camera feeds it as well as a video.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from calibration.errors import CalibrationError, SessionError
from calibration.frame_selection import FrameSelection
from calibration.observation import Observation
from calibration.poses import NEUTRAL, NEUTRAL_PROMPT, POSES, PoseToShow
from calibration.ranges import rest_of
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES, N_EXPRESSIONS
from rdr_core.types import Float32

_LIDS: Final = np.array([name.startswith("Eye") for name in BLENDSHAPE_NAMES])
LEAST_FRAMES: Final = 5
"""A calibration of fewer frames is none."""
_MOST_KEPT: Final = 240
"""Frames of one held pose that are kept."""


@dataclass(frozen=True)
class SessionConfig:
    """How patient the session is, and what counts as held."""

    patience_s: float = 8.0
    """A pose that was not held by then is asked for again."""
    attempts: int = 2
    """How often a pose is asked for before it is left out."""
    neutral_s: float = 1.0
    """How long the face must be at rest."""
    least_confidence: float = 0.6
    """Less sure frames are not looked at."""
    still: float = 0.06
    """At rest no coefficient but the lids' may spread by more, nor the head by so many times 57 degrees (rad)."""
    gap_s: float = 0.25
    """A pose that is let go, or not seen, for longer must be held anew."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.patience_s, self.neutral_s, self.still, self.gap_s) <= 0:
            raise CalibrationError(f"a session needs one attempt or more and positive times, got {self}")


@dataclass(frozen=True)
class Step:
    """What the session says after a frame."""

    prompt: str
    """What the person is asked for now; empty when all is done."""
    notice: str = ""
    """What just happened, once: "smile: got it", "pucker: not held, again"."""
    progress: float = 0.0
    """How long the present pose has been held, 0..1 of what is asked."""
    done: bool = False


class CalibrationSession:
    """Asks for the face at rest, then for poses in order; what is shown out of turn counts as well."""

    def __init__(self, config: SessionConfig | None = None, selection: FrameSelection | None = None) -> None:
        self.config = config or SessionConfig()
        self.selection = selection or FrameSelection()
        self.shown: list[str] = []
        self.missed: list[str] = []
        self.at_rest: list[Observation] = []
        """Frames of the face at rest."""
        self.held: dict[str, list[Observation]] = {}
        """Pose -> frames in which it was held."""
        self.last: list[Observation] = []
        self._still: deque[Observation] = deque()
        self._calm: list[Observation] = []
        self._holding: dict[str, list[Observation]] = {}
        self._attempt = 1
        self._asked_ns: int | None = None
        self._frames = 0

    @property
    def done(self) -> bool:
        """Whether everything was shown, or asked for in vain."""
        return self._current is None

    @property
    def rest(self) -> Float32:
        """(46,) coefficients of the face at rest, as far as it is known."""
        return rest_of(_stack(self.at_rest)) if self.at_rest else np.zeros(N_EXPRESSIONS, np.float32)

    def add(self, frame: Observation) -> Step:
        """Look at a frame; a lost face is no frame."""
        if frame.confidence < self.config.least_confidence:
            return self._step(frame, "")
        self._frames += 1
        self.selection.add(frame)
        frame = frame.without_picture()  # what is held has hundreds of frames; the selection keeps few
        self._remember_calm(frame)
        notices = [self._watch_rest(frame), *(self._watch(pose, frame) for pose in POSES)]
        notice = "; ".join(filter(None, notices)) or self._lose_patience(frame)
        return self._step(frame, notice)

    def finish(self) -> None:
        """End the session as it is: what was not shown is missed. SessionError where too little was seen of a face."""
        if len(self.selection.frames) < LEAST_FRAMES:
            raise SessionError(
                f"a calibration needs {LEAST_FRAMES} good frames of a face, got {len(self.selection.frames)} of "
                f"{self._frames} seen: look into the camera for longer, in better light"
            )
        self.missed += [key for key in self._open() if key not in self.missed]
        if not self.at_rest:  # nobody followed the prompts: what was calmest is what comes nearest to rest
            self.at_rest = self._calm

    def _open(self) -> list[str]:
        keys = [NEUTRAL, *(pose.key for pose in POSES)]
        return [key for key in keys if key not in self.shown]

    @property
    def _current(self) -> str | None:
        return next((key for key in self._open() if key not in self.missed), None)

    def _step(self, frame: Observation, notice: str) -> Step:
        current = self._current
        if current is None:
            return Step("", notice, 1.0, done=True)
        if current == NEUTRAL:
            return Step(NEUTRAL_PROMPT, notice, self._still_s() / self.config.neutral_s)
        pose = next(pose for pose in POSES if pose.key == current)
        return Step(pose.prompt, notice, min(1.0, _span_s(self._holding.get(pose.key, [])) / pose.hold_s))

    def _watch_rest(self, frame: Observation) -> str:
        """Take the face for at rest once nothing in it moves for a while and it looks ahead."""
        if NEUTRAL in self.shown:
            return ""
        frontal = abs(frame.yaw_deg) < 20 and abs(frame.pitch_deg) < 20
        gap = self._still and frame.time_ns - self._still[-1].time_ns > 1e9 * self.config.gap_s
        if not frontal or gap or _mouth_wide_open(frame):
            self._still.clear()
        if not frontal or _mouth_wide_open(frame):
            return ""
        self._still.append(frame)
        while self._still_s() > self.config.neutral_s:
            self._still.popleft()
        enough = len(self._still) >= LEAST_FRAMES and self._still_s() >= 0.8 * self.config.neutral_s
        if not enough or not self._is_still():
            return ""
        self.at_rest = list(self._still)
        return self._got(NEUTRAL)

    def _is_still(self) -> bool:
        coefficients = _stack(list(self._still))[:, ~_LIDS]
        turns = np.stack([frame.euler_rad for frame in self._still])
        return bool(max(coefficients.std(axis=0).max(), turns.std(axis=0).max()) < self.config.still)

    def _watch(self, pose: PoseToShow, frame: Observation) -> str:
        if pose.key in self.shown or (pose.shapes and NEUTRAL in self._open() and NEUTRAL not in self.missed):
            return ""
        holding = self._holding.setdefault(pose.key, [])
        if holding and frame.time_ns - holding[-1].time_ns > 1e9 * self.config.gap_s:
            holding.clear()
        if not pose.frontal(frame) or pose.measure(frame, self.rest) < pose.least:
            return ""
        holding.append(frame)
        del holding[:-_MOST_KEPT]
        if _span_s(holding) < pose.hold_s or len(holding) < 3:
            return ""
        self.held[pose.key] = list(holding)
        return self._got(pose.key)

    def _got(self, key: str) -> str:
        self.shown.append(key)
        if key in self.missed:
            self.missed.remove(key)
        self._attempt, self._asked_ns = 1, None
        return f"{key}: got it"

    def _lose_patience(self, frame: Observation) -> str:
        current = self._current
        if current is None:
            return ""
        self._asked_ns = frame.time_ns if self._asked_ns is None else self._asked_ns
        if frame.time_ns - self._asked_ns < 1e9 * self.config.patience_s:
            return ""
        self._asked_ns, self._attempt = frame.time_ns, self._attempt + 1
        if self._attempt <= self.config.attempts:
            return f"{current}: not held, once more"
        self._attempt = 1
        self.missed.append(current)
        return f"{current}: left out"

    def _still_s(self) -> float:
        return _span_s(list(self._still))

    def _remember_calm(self, frame: Observation) -> None:
        if abs(frame.yaw_deg) < 20 and abs(frame.pitch_deg) < 20:
            self._calm = sorted([*self._calm, frame], key=_expressed)[:LEAST_FRAMES]


def _expressed(frame: Observation) -> float:
    return float(frame.alpha_exp[~_LIDS].sum())


def _mouth_wide_open(frame: Observation) -> bool:
    return bool(frame.alpha_exp[BLENDSHAPE_NAMES.index("JawOpen")] > 0.35)


def _span_s(frames: list[Observation]) -> float:
    return (frames[-1].time_ns - frames[0].time_ns) / 1e9 if frames else 0.0


def _stack(frames: list[Observation]) -> Float32:
    return np.stack([frame.alpha_exp for frame in frames])
