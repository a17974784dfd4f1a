"""Adapt a network to one user: their frames, a teacher's labels, fine-tuning, and the verdict. Needs torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from calibration.errors import AdaptationError
from calibration.sitting import Sitting
from calibration.teacher import Teacher, TeacherConfig
from calibration.tracking import Predictor
from calibration.user_model import UserModel
from rdr_core.data.label import FaceLabel
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.types import UInt8

if TYPE_CHECKING:
    from rdr_core.training.fine_tune import FineTuneConfig, FineTuning

LEAST_FRAMES: Final = 40
"""Frames below which there is nothing to learn from, let alone to test on."""
_LEAST_GAIN: Final = 0.03
"""A network that is better by less stays where it is."""
_WORST_RESIDUAL: Final = 0.06
"""Frames in which the user's face lies farther off the landmarks (share of the face box) teach nothing."""


@dataclass(frozen=True)
class AdaptConfig:
    """How to adapt."""

    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    seconds: float = math.inf
    """Of training."""


@dataclass(frozen=True)
class AdaptReport:
    """What came of it; errors in percent of the face box."""

    frames: int
    """Learned from."""
    held_out: int
    """Frames, blocks of time, that nothing was learned from."""
    user_before: float
    """Landmarks on held-out frames against the fitted S* and Q*."""
    user_after: float
    replay_before: float
    """Landmarks of other people, held out, against their truth."""
    replay_after: float

    @property
    def better(self) -> bool:
        """Whether the adapted network is worth keeping."""
        return self.user_after <= (1 - _LEAST_GAIN) * self.user_before

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def need_torch() -> None:
    """AdaptationError where torch is missing."""
    from importlib.util import find_spec

    missing = [name for name in ("torch", "onnx", "onnxscript", "safetensors") if find_spec(name) is None]
    if missing:
        raise AdaptationError(
            f"rdr adapt trains a network and needs {', '.join(missing)}: install the extra `train` "
            "(pip install 'rdr-live[train]'); rdr track needs none of it"
        )


def labelled(
    sitting: Sitting,
    predictor: Predictor,
    user: UserModel,
    model: DynamicExpressionModel,
    config: TeacherConfig,
    progress: Callable[[float, str], object] = lambda share, text: None,
) -> tuple[list[tuple[UInt8, FaceLabel]], list[tuple[UInt8, FaceLabel]]]:
    """Return pictures with the teacher's labels: to learn from, and held out.

    Raises:
        AdaptationError: there are too few frames of the user's face.
    """
    teacher, parts = Teacher(predictor, user, model, config), sitting.split()
    found: list[list[tuple[UInt8, FaceLabel]]] = []
    for places in parts:
        pictures = []
        for number, place in enumerate(places):
            kept = sitting.kept[place]
            label = teacher.label(sitting, kept)
            if label.residual <= _WORST_RESIDUAL:
                pictures.append((kept.image_bgr, label))
            progress((number + 1) / len(places), f"looking again at {len(sitting.kept)} frames")
        found.append(pictures)
    learn, held_out = found
    if len(learn) + len(held_out) < LEAST_FRAMES or len(held_out) < LEAST_FRAMES // 5:
        raise AdaptationError(
            f"too few frames show {user.name}'s face well ({len(learn)} to learn from, {len(held_out)} to test on): "
            "give a longer video, a minute in the usual light and place"
        )
    return learn, held_out


def fine_tune(
    weights: Path,
    learn: Sequence[tuple[UInt8, FaceLabel]],
    held_out: Sequence[tuple[UInt8, FaceLabel]],
    replay: Sequence[tuple[UInt8, FaceLabel]],
    config: FineTuneConfig | None = None,
    seconds: float = math.inf,
    progress: Callable[[float, str], object] = lambda share, text: None,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[FineTuning, AdaptReport]:
    """Fine-tune the network of a checkpoint on pictures; a quarter of the replayed ones are held out."""
    from rdr_core.training.fine_tune import FineTuning, load_network

    rest = max(1, len(replay) // 4)
    tuning = FineTuning(load_network(weights), learn, held_out, replay[:-rest], replay[-rest:], config, progress)
    tuning.run(seconds, stopped)
    before, after = tuning.before, tuning.after
    numbers = (before.user, after.user, before.replay, after.replay)
    return tuning, AdaptReport(len(learn), len(held_out), *(round(number, 3) for number in numbers))
