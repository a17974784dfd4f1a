"""Trunk, deconvolutions and the numbers that make a network."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from rdr_core.errors import ConfigError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.modeling.backbone import ResNet18, conv_norm
from rdr_core.modeling.build import PRESETS, RdrConfig, build_rdr
from rdr_core.modeling.deconv import Deconv
from rdr_core.modeling.rdr import RDR


def non_trivial(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    nn.init.uniform_(norm.weight, 0.3, 2)
    nn.init.normal_(norm.bias)
    norm.running_mean = torch.randn(norm.num_features)
    norm.running_var = 0.2 + torch.rand(norm.num_features)
    return norm.eval()


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(3, 5, 3, 2, 1, bias=False),
        nn.Conv2d(3, 5, 1, 2, bias=False),
        nn.Conv2d(3, 5, 7, 2, 3, bias=False),
        nn.ConvTranspose2d(3, 5, 4, 2, 1, bias=False),
    ],
    ids=["3x3", "1x1", "7x7", "deconvolution"],
)
def test_folded_conv_norm_equals_evaluated_batch_norm(conv: nn.Module) -> None:
    torch.manual_seed(0)
    norm, x = non_trivial(nn.BatchNorm2d(5)), torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(conv_norm(x, conv, norm), norm(conv(x)), atol=1e-4, rtol=1e-4)


def test_training_conv_norm_updates_the_statistics() -> None:
    norm, conv = nn.BatchNorm2d(5), nn.Conv2d(3, 5, 3, bias=False)
    conv_norm(torch.randn(4, 3, 8, 8) + 3, conv, norm)
    assert norm.running_mean is not None
    assert norm.running_mean.abs().max() > 0
    with pytest.raises(TypeError, match="expected a convolution and its batch norm"):
        conv_norm(torch.randn(1, 3, 8, 8), norm, conv)


def test_trunk_is_a_resnet_18() -> None:
    """Stages of stride 4 to 32; at the paper's width 11.2 million parameters without the classifier."""
    with torch.no_grad():
        stages = ResNet18(8).eval()(torch.rand(1, 3, 96, 64))
    assert [tuple(stage.shape[1:]) for stage in stages] == [(8, 24, 16), (16, 12, 8), (32, 6, 4), (64, 3, 2)]
    assert sum(p.numel() for p in ResNet18(64).parameters()) == 11_176_512


@pytest.mark.parametrize("lateral", [True, False])
@pytest.mark.parametrize("channels", [(16,), (16, 8), (32, 16, 8, 4, 4)])
def test_each_deconvolution_doubles_the_map(channels: tuple[int, ...], lateral: bool) -> None:
    trunk = ResNet18(8).eval()
    deconv = Deconv(trunk.channels, channels, lateral).eval()
    with torch.no_grad():
        found = deconv(trunk(torch.rand(2, 3, 64, 64)))
    assert tuple(found.shape) == (2, channels[-1], 2 * 2 ** len(channels), 2 * 2 ** len(channels))
    assert len(deconv.laterals) == (min(len(channels), 3) if lateral else 0)


def test_paper_preset_is_the_papers() -> None:
    paper = PRESETS["paper"]
    assert (paper.crop_size, paper.width, paper.steps, paper.hidden, paper.lateral) == (256, 64, 5, 256, False)
    assert paper.window * paper.crop_size == pytest.approx(20)


@pytest.mark.parametrize(
    "wrong",
    [
        {"crop_size": 100},
        {"crop_size": 0},
        {"deconv_channels": ()},
        {"deconv_channels": (8,) * 6},
        {"deconv_channels": (8, 0)},
        {"steps": 0},
        {"width": 0},
        {"window": 1.0},
        {"window": -0.1},
    ],
)
def test_configuration(tiny_config: RdrConfig, wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        replace(tiny_config, **wrong)  # type: ignore[arg-type]


def test_other_face_models_fit(tiny_config: RdrConfig, face_model: DynamicExpressionModel) -> None:
    """46 and 50 are FaceWarehouse's numbers; the network takes the model's."""
    from rdr_core.face_model.core_tensor import CoreTensor

    tensor = CoreTensor(face_model.tensor.vertex_factor, face_model.tensor.core[:, :20])
    smaller = replace(
        face_model,
        tensor=tensor,
        identity_mean=face_model.identity_mean[:20],
        identity_std=face_model.identity_std[:20],
    )
    with torch.no_grad():
        output = build_rdr(tiny_config, smaller).eval()(torch.rand(1, 3, 64, 64))
    assert tuple(output.alpha_id.shape) == (1, 20)


def test_state_holds_no_face_model(tiny_network: RDR) -> None:
    """Checkpoints keep the statistics and leave the face model to its own file."""
    names = tiny_network.state_dict().keys()
    assert {"identity_mean", "logit_mean", "refinement.pose_mean", "refinement.pose_std"} <= set(names)
    assert not any("projection." in name or "offsets" in name for name in names)
