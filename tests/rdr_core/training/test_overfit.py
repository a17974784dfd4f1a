"""Eight faces are learned by heart: the network can express what its targets say, and refinement helps."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.training.batches import Batch, Target, ideal_crop, network_pixels, target_in_crop
from rdr_core.training.config import TrainConfig
from rdr_core.training.losses import LossConfig, RdrLoss
from rdr_core.training.schedule import learning_rate
from rdr_core.training.sources import FittedFaces
from rdr_core.training.statistics import set_statistics
from rdr_core.training.validation import validate

STEPS, PEAK_LR = 600, 5e-3


def whole_set(data: FittedFaces, size: int) -> Batch:
    rows = [(data.picture(position, False)[0], data.label(position)) for position in range(len(data))]
    crops = [ideal_crop(label, size) for _, label in rows]
    pixels = np.stack([crop.warp(image) for crop, (image, _) in zip(crops, rows, strict=True)])[..., ::-1].copy()
    targets = [target_in_crop(label, crop) for crop, (_, label) in zip(crops, rows, strict=True)]
    columns = (np.stack([getattr(target, field.name) for target in targets]) for field in fields(Target))
    image = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    return Batch(image, torch.ones(len(rows)), *(torch.from_numpy(column) for column in columns))


@pytest.mark.timeout(400)
def test_eight_synthetic_faces_overfit(
    drawn_faces: Any, tiny_config: RdrConfig, face_model: DynamicExpressionModel
) -> None:
    """Under 1 % of the inter-ocular distance, by batch norm's running statistics."""
    data = FittedFaces(drawn_faces.samples, drawn_faces.exact)
    batch = whole_set(data, tiny_config.crop_size)
    held_out = [data.picture(position, False) for position in range(len(data))]
    torch.manual_seed(2)
    network = build_rdr(tiny_config, face_model)
    set_statistics(network, [label for _, label in held_out])
    config = LossConfig(
        pose_weight=0.03,
        expression_weight=0.03,
        expression_norm="l2",
        shape_weight=3,
        identity_weight=0.02,
        own_weight=0,
    )
    pace = TrainConfig(steps=STEPS, peak_lr=PEAK_LR, warmup=20)
    loss_of = RdrLoss(network, config, float(data.table.alpha_exp.std()))
    optimizer = torch.optim.Adam(network.parameters(), lr=PEAK_LR)
    before = validate(network.eval(), held_out, torch.device("cpu"))
    network.train()
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = learning_rate(pace, step)
        loss = loss_of(network(network_pixels(batch.image)), batch)["total"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
    after = validate(network.eval(), held_out, torch.device("cpu"))
    assert before["nme_s2"] > 0.05
    assert after["nme_s2"] < 0.01
    assert after["nme_s2"] < after["nme_projected"] < after["nme_s0"]  # compensation and refinement help
