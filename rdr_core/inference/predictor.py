"""Inference in torch: the reference, and the way to a GPU. On a CPU live tracking uses `onnx_runtime`, which needs no
torch and agrees with this one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from rdr_core.data.crop import Crop
from rdr_core.inference.decode import COMPENSATION, OUTPUTS, STEP_OUTPUTS, decode, network_input
from rdr_core.inference.recorded import Recorded
from rdr_core.landmarks import JAW
from rdr_core.modeling.expression_logits import alpha_from_logits
from rdr_core.modeling.rdr import RDR, RdrOutput
from rdr_core.training.checkpoint import load_checkpoint, network_from_checkpoint
from rdr_core.training.world import has_bf16, pick_device
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
    """A network and a picture in, faces out.

    On a GPU all of it is there, the face model and the features at the landmarks, too: pixels go there and one row of
    numbers a face comes back. Convolutions take bfloat16 where the card has it; geometry stays in single floats.
    """

    def __init__(self, weights: Path, device: str = "cpu", bf16: bool | None = None) -> None:
        """Load weights (safetensors).

        Args:
            weights: of `rdr train` or `rdr export`.
            device: cpu, cuda or cuda:N.
            bf16: bfloat16 for convolutions; None: on a GPU that has it.

        Raises:
            AssetError: the weights cannot be read.
            ConfigError: there is no such device.
        """
        self.device = pick_device(device)
        network = network_from_checkpoint(load_checkpoint(weights), weights)
        self.graph = InferenceGraph(network).eval().to(self.device)
        self.crop_size = network.crop_size
        self._on_gpu = self.device.type == "cuda"
        self._bf16 = (self._on_gpu and has_bf16(self.device)) if bf16 is None else bf16
        self.precision = "bf16" if self._bf16 else "float"
        if self._on_gpu:
            self.graph.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._shapes: list[torch.Size] = []
        self._one: Recorded | None = None

    @torch.inference_mode()
    def run(self, pixels: UInt8) -> dict[str, np.ndarray]:
        """(B, s, s, 3) BGR -> outputs, crop units (see `decode.OUTPUTS` and `decode.STEP_OUTPUTS`)."""
        given = torch.from_numpy(pixels).to(self.device)
        rows = (self._replay(given) if self._on_gpu and len(given) == 1 else self._rows(given)).cpu()
        parts = rows.split([shape.numel() for shape in self._shapes], dim=1)
        named = zip((*OUTPUTS, *STEP_OUTPUTS), parts, self._shapes, strict=True)
        return {name: part.reshape(len(part), *shape).numpy() for name, part, shape in named}

    def _replay(self, pixels: Tensor) -> Tensor:
        """One face, as a camera gives them."""
        with torch.cuda.device(self.device):
            self._one = self._one or Recorded(self._rows, pixels)
            return self._one(pixels)

    def _rows(self, pixels: Tensor) -> Tensor:
        """(B, s, s, 3) BGR -> (B, n) all outputs of a face in a row; remembers their shapes."""
        image = pixels.flip(-1).permute(0, 3, 1, 2).float() / 255
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bf16, cache_enabled=False):
            output = self.graph.network(image)
        refinement = self.graph.network.refinement
        steps = (
            torch.stack([refinement.denormalise(step.pose) for step in output.steps], 1),
            torch.stack([alpha_from_logits(step.alpha_exp_logits) for step in output.steps], 1),
        )
        outputs = (*self.graph.outputs(output), *steps)
        self._shapes = [values.shape[1:] for values in outputs]
        return torch.cat([values.reshape(len(values), -1).float() for values in outputs], 1)

    def predict(self, image_bgr: UInt8, crops: Sequence[Crop]) -> list[FacePrediction]:
        """Predict the face in each crop of a picture (H, W, 3) BGR; image px."""
        return decode(self.run(network_input(image_bgr, crops)), crops) if crops else []
