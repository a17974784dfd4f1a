"""Gaze read by the eye network (`rdr_core/modeling/eye_network.py`), which looks at both eyes closely.

The network of the whole face sees gaze to the side hardly at all, at a size at which an iris is four pixels. Lids stay
with it: of real ones that close the eye network, which has seen rendered lids alone, says half that they look down.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np

from rdr_core.data.crop import Crop
from rdr_core.data.eye_patches import N_TOLD, PATCH_PX, eye_patches, read_of, told_of, with_gaze
from rdr_core.errors import AssetError
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.inference.tracker import Predictor
from rdr_core.types import FacePrediction, Float32, UInt8

INPUTS: Final = ("patches", "told")
GAZE_SHAPES: Final = np.array([name.startswith("EyeLook") for name in BLENDSHAPE_NAMES])
"""(E,) which expressions are gaze."""
_SACCADE: Final = 0.25
_SLOWEST: Final = 0.4
"""Eyes jump: a step of the one is taken at once, a small one is mostly noise, and is taken by this share a frame."""
_HIDE: Final = (0.1, 0.4)
"""From the one lids begin to hide where an eye looks, from the other it is held until they open."""
_BLINKING: Final = 6.0
"""A lid that moves by a tenth in a frame counts as so many tenths more closed: gaze is held through a blink."""
_MOST_KNOWN: Final = 16
_FORGOTTEN: Final = 20
"""A face that was not seen for so many calls is another one."""
_REACH: Final = 0.5
"""From one frame to the next a face moves by less than so much of its size."""


class EyeReader:
    """The eye network in onnxruntime."""

    def __init__(self, graph: Path | None = None) -> None:
        """Load a graph, the shipped one by default. AssetError where it is missing or none of an eye network."""
        import onnxruntime as ort

        graph = graph or Path(str(files("rdr_core") / "assets" / "eyes.onnx"))
        if not graph.is_file():
            raise AssetError(f"{graph}: no such eye network; make one with rdr train-eyes")
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = 1, 1, 4
        try:
            self._session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
            shapes = {taken.name: list(taken.shape[1:]) for taken in self._session.get_inputs()}
            self.facts = json.loads(self._session.get_modelmeta().custom_metadata_map.get("facts", "{}"))
        except Exception as error:  # onnxruntime raises many kinds, all of which mean an unusable file
            raise AssetError(f"{graph}: not a whole eye network: install the program or train it again") from error
        expected = dict(zip(INPUTS, ([2, 3, PATCH_PX[1], PATCH_PX[0]], [N_TOLD]), strict=True))
        if shapes != expected:
            raise AssetError(f"{graph}: takes {shapes}, expected {expected}: train it again with rdr train-eyes")

    def read(self, image_bgr: UInt8, prediction: FacePrediction) -> Float32:
        """(H, W, 3) picture and a face in it -> (2, 3) outward, up and closed of each eye, left first."""
        pixels = eye_patches(image_bgr, prediction).transpose(0, 3, 1, 2)[None].astype(np.float32) / 255
        (read,) = self._session.run(None, dict(zip(INPUTS, (pixels, told_of(prediction)[None]), strict=True)))
        return np.asarray(read[0], np.float32)


@dataclass(frozen=True, eq=False)
class _Known:
    """A face as it was seen last."""

    middle_px: Float32
    """(2,)."""
    alpha_exp: Float32
    """(E,)."""
    call: int


class EyePredictor:
    """A network whose gaze is read by the eye network; takes the place of the network in a tracker."""

    def __init__(self, predictor: Predictor, reader: EyeReader | None = None) -> None:
        """`reader`: the shipped one by default."""
        self.crop_size = predictor.crop_size
        self._predictor, self._reader = predictor, reader or EyeReader()
        self._known: list[_Known] = []
        self._calls = 0

    def predict(self, image_bgr: UInt8, crops: Sequence[Crop]) -> list[FacePrediction]:
        """Return one prediction per crop, image px."""
        said = self._predictor.predict(image_bgr, crops)
        self._calls += 1
        self._known = [face for face in self._known if self._calls - face.call <= _FORGOTTEN][-_MOST_KNOWN:]
        return [self._read(image_bgr, prediction) for prediction in said]

    def _read(self, image_bgr: UInt8, prediction: FacePrediction) -> FacePrediction:
        middle, pose = prediction.shape.mean(axis=0), prediction.pose
        if not (np.isfinite(prediction.shape).all() and np.isfinite(pose.scale_px_per_cm) and pose.scale_px_per_cm > 0):
            return prediction
        before = self._take(middle, float(np.ptp(prediction.shape[:, 0])))
        alpha_exp = with_gaze(prediction.alpha_exp, self._reader.read(image_bgr, prediction))
        if before is not None:
            alpha_exp = held(before, alpha_exp)
        self._known.append(_Known(middle, alpha_exp, self._calls))
        return replace(prediction, alpha_exp=alpha_exp)

    def _take(self, middle_px: Float32, size_px: float) -> Float32 | None:
        """Return the coefficients of the face that was last seen here, and forget them; None where there was none."""
        away = [float(np.linalg.norm(face.middle_px - middle_px)) for face in self._known]
        if not away or min(away) > _REACH * size_px:
            return None
        return self._known.pop(int(np.argmin(away))).alpha_exp


def held(before: Float32, now: Float32) -> Float32:
    """(E,) coefficients of now with gaze that goes on from the frame before: it stays where it was behind lids that
    are closed or on their way, jumps far at once, and trembles less."""
    was, reads = read_of(before), read_of(now)
    shut, shut_before = float(reads[:, 2].mean()), float(was[:, 2].mean())
    shut += _BLINKING * abs(shut - shut_before)
    seen = 1 - float(np.clip((shut - _HIDE[0]) / (_HIDE[1] - _HIDE[0]), 0, 1))
    step = reads[:, :2] - was[:, :2]
    pace = np.clip(np.abs(step).max(axis=1, keepdims=True) / _SACCADE, _SLOWEST, 1.0)
    reads[:, :2] = was[:, :2] + seen * pace * step
    return with_gaze(now, reads)
