"""Eight faces are learned by heart: the network can express what its targets say, and refinement helps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.training.batches import Batch, TrainingSet, ideal_crops
from rdr_core.training.loop import set_statistics, validate
from rdr_core.training.losses import LossConfig, RdrLoss
from rdr_core.training.schedule import learning_rate

STEPS, PEAK_LR = 600, 5e-3


def whole_set(data: TrainingSet) -> Batch:
    rows = ideal_crops(data, data.names)
    pixels = np.stack([image for *_, image in rows])[..., ::-1].copy()
    targets = zip(*(data.targets(row, 0.0, crop) for row, crop, _ in rows), strict=True)
    image = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return Batch(image, torch.ones(len(rows)), *(torch.from_numpy(np.stack(column)) for column in targets))


@pytest.mark.timeout(400)
def test_eight_synthetic_faces_overfit(
    drawn_faces: Any, tiny_config: RdrConfig, face_model: DynamicExpressionModel
) -> None:
    """Under 1 % of the inter-ocular distance, by batch norm's running statistics."""
    data = TrainingSet(drawn_faces.samples, drawn_faces.exact, tiny_config.crop_size)
    batch = whole_set(data)
    torch.manual_seed(2)
    network = build_rdr(tiny_config, face_model)
    set_statistics(network, data)
    config = LossConfig(parameter_weight=0.03, shape_weight=3, identity_weight=0.02)
    loss_of = RdrLoss(network, config, float(data.table.alpha_exp.std()))
    optimizer = torch.optim.Adam(network.parameters(), lr=PEAK_LR)
    before = validate(network.eval(), data, torch.device("cpu"))
    network.train()
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = learning_rate(PEAK_LR, step, STEPS, warmup=20)
        loss = loss_of(network(batch.image), batch)["total"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
    after = validate(network.eval(), data, torch.device("cpu"))
    assert before["nme_s2"] > 0.05
    assert after["nme_s2"] < 0.01
    assert after["nme_s2"] < after["nme_projected"] < after["nme_s0"]  # compensation and refinement help
