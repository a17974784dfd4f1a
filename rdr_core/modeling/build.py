"""All the numbers of the network in one place: presets `paper` and `live`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rdr_core.errors import ConfigError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, default_face_model
from rdr_core.modeling.backbone import ResNet18
from rdr_core.modeling.confidence import Confidence
from rdr_core.modeling.deconv import Deconv
from rdr_core.modeling.dual_refinement import DualRefinement
from rdr_core.modeling.face_projection import N_POSE, FaceProjection
from rdr_core.modeling.parameter_init import ParameterInit
from rdr_core.modeling.rdr import RDR

Preset = Literal["live", "paper"]


@dataclass(frozen=True)
class RdrConfig:
    """Size of the network."""

    crop_size: int
    """Side of the input, px; a multiple of 32."""
    width: int
    """Channels of the first stage; 64 is ResNet-18."""
    deconv_channels: tuple[int, ...]
    """Output channels of each 2x deconvolution after conv5."""
    lateral: bool
    """Add the trunk's stages to the deconvolutions of their size."""
    steps: int
    """K, the number of refinement steps."""
    window: float
    """Side of the window of a deep shape-indexed feature, as a share of the crop."""
    samples: int
    """Samples along a side of the window."""
    hidden: int = 256
    """Width of fc5, of the reduced feature and of the LSTMs (Sec. 5.1)."""
    compensation_unit: float = 0.02
    """Size of an output of 1 of the C-LSTM, as a share of the crop."""

    def __post_init__(self) -> None:
        if self.crop_size % 32 or self.crop_size <= 0:
            raise ConfigError(f"crop_size must be a positive multiple of 32, got {self.crop_size}")
        if not self.deconv_channels or min(self.deconv_channels) < 1 or len(self.deconv_channels) > 5:
            raise ConfigError(f"deconv_channels needs 1 to 5 positive entries, got {self.deconv_channels}")
        if min(self.width, self.steps, self.samples, self.hidden) < 1 or not 0 <= self.window < 1:
            raise ConfigError(f"width, steps, samples and hidden must be positive and window in [0, 1), got {self}")


PRESETS: dict[Preset, RdrConfig] = {
    "paper": RdrConfig(
        crop_size=256,
        width=64,
        deconv_channels=(256, 128, 64, 32, 32),
        lateral=False,
        steps=5,
        window=20 / 256,
        samples=5,
    ),
    "live": RdrConfig(
        crop_size=128, width=32, deconv_channels=(128, 64, 32), lateral=True, steps=3, window=8 / 128, samples=3
    ),
}


def build_rdr(config: RdrConfig, face_model: DynamicExpressionModel | None = None) -> RDR:
    """Build a network with fresh weights."""
    projection = FaceProjection(face_model or default_face_model())
    backbone = ResNet18(config.width)
    deconv = Deconv(backbone.channels, config.deconv_channels, config.lateral)
    pool5 = backbone.channels[-1]
    init = ParameterInit(pool5, config.hidden, projection.n_identity, N_POSE, projection.n_expressions)
    refinement = DualRefinement(
        projection,
        deconv.out_channels,
        config.steps,
        config.hidden,
        config.window,
        config.samples,
        config.compensation_unit,
    )
    return RDR(backbone, deconv, init, refinement, Confidence(pool5), config.crop_size)
