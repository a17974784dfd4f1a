"""How well a network does on the faces that were held out of training."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT
from rdr_core.modeling.rdr import RDR
from rdr_core.training.batches import ideal_crop, network_pixels, target_in_crop
from rdr_core.training.sources import HeldOut


@torch.no_grad()
def validate(network: RDR, held_out: HeldOut, device: torch.device) -> dict[str, float]:
    """Inter-ocular NME of S at every step and of S_p at the last, on centred crops."""
    crops = [ideal_crop(label, network.crop_size) for _, label in held_out]
    pixels = np.stack([crop.warp(image)[..., ::-1] for crop, (image, _) in zip(crops, held_out, strict=True)])
    image = network_pixels(torch.from_numpy(pixels).permute(0, 3, 1, 2).to(device))
    target = np.stack([target_in_crop(label, crop).shape for crop, (_, label) in zip(crops, held_out, strict=True)])
    ocular = np.linalg.norm(target[:, EYE_RIGHT[0]] - target[:, EYE_LEFT[3]], axis=1)

    def nme(shape: Tensor) -> float:
        return float((np.linalg.norm(shape.cpu().numpy() - target, axis=2).mean(axis=1) / ocular).mean())

    states = [network(part).steps for part in image.split(64)]
    scores = {}
    for k in range(len(states[0])):
        scores[f"nme_s{k}"] = nme(torch.cat([part[k].shape for part in states]))
    scores["nme_projected"] = nme(torch.cat([part[-1].projected_shape for part in states]))
    return scores
