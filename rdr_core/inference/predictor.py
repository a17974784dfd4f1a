"""Reference inference in torch. Live tracking uses `onnx_runtime`, which needs no torch and agrees with this one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from rdr_core.data.crop import Crop
from rdr_core.inference.decode import COMPENSATION, OUTPUTS, STEP_OUTPUTS, decode, in_floats, network_input
from rdr_core.landmarks import JAW
from rdr_core.modeling.expression_logits import alpha_from_logits
from rdr_core.modeling.rdr import RDR, RdrOutput
from rdr_core.training.checkpoint import load_checkpoint, network_from_checkpoint
from rdr_core.types import FacePrediction, UInt8


class InferenceGraph(nn.Module):
    """RDR with its outputs in crop units, as `decode.OUTPUTS` names them: what is exported."""

    def __init__(self, network: RDR) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, s, s) RGB in [0, 1]."""
        return self.outputs(self.network(image))

    def outputs(self, output: RdrOutput) -> tuple[Tensor, ...]:
        """Return what `decode.OUTPUTS` names."""
        last, refinement = output.steps[-1], self.network.refinement
        return (
            torch.stack([step.shape for step in output.steps], 1),
            torch.stack([step.projected_shape for step in output.steps], 1),
            compensated(refinement.projection.landmarks_3d(last.vertices), last.shape, last.projected_shape),
            refinement.denormalise(last.pose),
            alpha_from_logits(last.alpha_exp_logits),
            self.network.identity_mean + self.network.identity_std * output.alpha_id,
            torch.sigmoid(output.confidence_logit),
        )


def compensated(own: Tensor, shape: Tensor, projected_shape: Tensor) -> Tensor:
    """Move the inner ones of the head's own points half as far as the C-LSTM moved the landmarks: what it saw that no
    face of the model has.

    own (B, 68, 3); S and S_p (B, 68, 2); crop units. The jaw stays, as S has it on the outline.
    """
    return own + COMPENSATION * functional.pad((shape - projected_shape)[:, len(JAW) :], (0, 1, len(JAW), 0))


class RDRPredictor:
    """A network and a picture in, faces out."""

    def __init__(self, weights: Path, device: str = "cpu") -> None:
        """Load weights (safetensors); AssetError where they cannot be read."""
        self.device = torch.device(device)
        network = network_from_checkpoint(load_checkpoint(weights), weights)
        self.graph = InferenceGraph(network).eval().to(self.device)
        self.crop_size = network.crop_size
        self.precision = "float"

    @torch.inference_mode()
    def run(self, pixels: UInt8) -> dict[str, np.ndarray]:
        """(B, s, s, 3) BGR -> outputs, crop units (see `decode.OUTPUTS` and `decode.STEP_OUTPUTS`)."""
        output = self.graph.network(torch.from_numpy(in_floats(pixels)).to(self.device))
        refinement = self.graph.network.refinement
        steps = (
            torch.stack([refinement.denormalise(step.pose) for step in output.steps], 1),
            torch.stack([alpha_from_logits(step.alpha_exp_logits) for step in output.steps], 1),
        )
        named = zip((*OUTPUTS, *STEP_OUTPUTS), (*self.graph.outputs(output), *steps), strict=True)
        return {name: values.cpu().numpy() for name, values in named}

    def predict(self, image_bgr: UInt8, crops: Sequence[Crop]) -> list[FacePrediction]:
        """Predict the face in each crop of a picture (H, W, 3) BGR; image px."""
        return decode(self.run(network_input(image_bgr, crops)), crops) if crops else []
