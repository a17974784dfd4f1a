"""All the numbers of the network in one place: presets `paper` and `live`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from rdr_core.errors import ConfigError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, default_face_model
from rdr_core.landmarks import N_LANDMARKS
from rdr_core.modeling.backbone import ResNet18
from rdr_core.modeling.c_lstm import CompensatorLSTM, NoCompensator
from rdr_core.modeling.confidence import Confidence
from rdr_core.modeling.deconv import Deconv
from rdr_core.modeling.dual_refinement import DualRefinement
from rdr_core.modeling.face_projection import N_POSE, FaceProjection
from rdr_core.modeling.parameter_init import Head, MeanHead, ParameterInit
from rdr_core.modeling.pe_lstm import PoseExpLSTM
from rdr_core.modeling.rdr import RDR
from rdr_core.modeling.shape_indexed_feature import ShapeIndexedFeature

Preset = Literal["live", "paper"]
Start = Literal["direct", "mean", "mean_but_identity"]
Refinement = Literal["dual", "pose_exp"]


@dataclass(frozen=True)
class RdrConfig:
    """Size and make-up of the network."""

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
    start: Start = "direct"
    """Where the refinement starts.

    direct: Q^0 as the heads tell it from the picture (Sec. 4.2).
    mean: the mean of the training set, "Mean-" of Figure 4. Sec. 4.2 sets "mean value initialization" against the
    module as a whole, which tells all of Q = {P, alpha_id, alpha_exp}: so alpha_id, which no step refines, stays at its
    mean, and it is the mean person's face that is moved.
    mean_but_identity: P and alpha_exp start at the mean, alpha_id is told. What remains of the difference is due to the
    start alone.
    """
    refinement: Refinement = "dual"
    """dual: PE-LSTM and C-LSTM. pose_exp: the 3D parameters alone, S^k = S_p^k, "PoseExp-" of Figure 4."""
    feedback: bool = False
    """Tell the PE-LSTM how far the C-LSTM has moved the landmarks. Features are taken about S, so without it the 3D
    face does not learn where its own landmarks, S_p, are off; the paper's network does without."""
    shared_projection: bool = False
    """One projection w of Phi for all steps instead of w^k for each."""

    def __post_init__(self) -> None:
        if self.crop_size % 32 or self.crop_size <= 0:
            raise ConfigError(f"crop_size must be a positive multiple of 32, got {self.crop_size}")
        if not self.deconv_channels or min(self.deconv_channels) < 1 or len(self.deconv_channels) > 5:
            raise ConfigError(f"deconv_channels needs 1 to 5 positive entries, got {self.deconv_channels}")
        if min(self.width, self.steps, self.samples, self.hidden) < 1 or not 0 <= self.window < 1:
            raise ConfigError(f"width, steps, samples and hidden must be positive and window in [0, 1), got {self}")
        for name, choices in (("start", get_args(Start)), ("refinement", get_args(Refinement))):
            if getattr(self, name) not in choices:
                raise ConfigError(f"{name} is one of {', '.join(choices)}, got {getattr(self, name)!r}")


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
        crop_size=128,
        width=32,
        deconv_channels=(128, 64, 32),
        lateral=True,
        steps=3,
        window=8 / 128,
        samples=3,
        feedback=True,
    ),
}


def build_rdr(config: RdrConfig, face_model: DynamicExpressionModel | None = None) -> RDR:
    """Build a network with fresh weights."""
    projection = FaceProjection(face_model or default_face_model())
    backbone = ResNet18(config.width)
    deconv = Deconv(backbone.channels, config.deconv_channels, config.lateral)
    pool5 = backbone.channels[-1]
    init = _parameter_init(config, projection, pool5)
    refinement = _refinement(config, projection, deconv.out_channels)
    return RDR(backbone, deconv, init, refinement, Confidence(pool5), config.crop_size)


def _parameter_init(config: RdrConfig, projection: FaceProjection, pool5: int) -> ParameterInit:
    direct, mean = partial(Head, pool5, config.hidden), partial(MeanHead, pool5)
    identity = mean if config.start == "mean" else direct
    pose_exp = direct if config.start == "direct" else mean
    return ParameterInit(identity(projection.n_identity), pose_exp(N_POSE), pose_exp(projection.n_expressions))


def _refinement(config: RdrConfig, projection: FaceProjection, map_channels: int) -> DualRefinement:
    features, hidden = N_LANDMARKS * map_channels, config.hidden
    projections = 1 if config.shared_projection else config.steps
    phi = ShapeIndexedFeature(config.window, config.samples)
    told = config.compensation_unit if config.feedback and config.refinement == "dual" else None
    pe_lstm = PoseExpLSTM(features, hidden, N_POSE, projection.n_expressions, projections, told)
    c_lstm = (
        CompensatorLSTM(features, hidden, projections, config.compensation_unit)
        if config.refinement == "dual"
        else NoCompensator()
    )
    return DualRefinement(projection, phi, pe_lstm, c_lstm, config.steps)
