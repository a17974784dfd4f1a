"""A trained network taken over to another face model: what the model's names allow, without training.

Pose and expression heads, refinement and trunk stay: the 46 expressions are the same ones in the same order. The layer
that says alpha_id is multiplied by the map between the two identity bases, and the projection becomes the new model's.
"""

from __future__ import annotations

from pathlib import Path

import torch

from rdr_core.errors import AssetError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, shipped_face_model
from rdr_core.face_model.fingerprint import fingerprint
from rdr_core.face_model.identity_map import IdentityMap, identity_map
from rdr_core.inference.export import write_network
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.modeling.rdr import RDR
from rdr_core.training.checkpoint import Checkpoint, load_checkpoint, network_from_checkpoint, prefixed


def take_over(weights: Path, model: DynamicExpressionModel, out: Path) -> IdentityMap:
    """Write OUT.safetensors and OUT.onnx: the network of `weights`, made for the shipped face model, for `model`.

    Raises:
        AssetError: the model's expressions have other names, or the weights cannot be read.
    """
    shipped = shipped_face_model()
    if model.names != shipped.names:
        raise AssetError("the face model's expressions are not the network's 46: train a network with rdr train")
    checkpoint = load_checkpoint(weights)
    identity = identity_map(shipped, model)
    old = network_from_checkpoint(checkpoint, weights, model=shipped)
    network = on_face_model(old, checkpoint.config, identity, model)
    info = checkpoint.info | {"face_model": fingerprint(model), "identity": "mapped from the shipped face model"}
    write_network(Checkpoint(checkpoint.config, prefixed("network.", network), info), out, model)
    return identity


@torch.no_grad()
def on_face_model(old: RDR, config: RdrConfig, identity: IdentityMap, model: DynamicExpressionModel) -> RDR:
    """Return a network that says `identity` of the alpha_id that `old` says, and all else as `old` does."""
    network = build_rdr(config, model).eval()
    state, known = network.state_dict(), old.state_dict()
    spoken = ("identity_mean", "identity_std", "parameter_init.identity.")
    last = f"parameter_init.identity.{len(network.parameter_init.identity) - 1}."  # type: ignore[arg-type]
    kept = {n: t for n, t in known.items() if not n.startswith(spoken) or (n.startswith(spoken[2]) and last not in n)}
    mean, std = torch.from_numpy(model.identity_mean), torch.from_numpy(model.identity_std).clamp_min(1e-3)
    matrix, offset = torch.from_numpy(identity.matrix), torch.from_numpy(identity.offset)
    scaled = matrix * known["identity_std"]  # of what the old layer says, before it is standardised by the new spread
    plain = matrix @ known["identity_mean"] + scaled @ known[last + "bias"] + offset
    mapped = {
        "identity_mean": mean,
        "identity_std": std,
        last + "weight": (scaled @ known[last + "weight"]) / std[:, None],
        last + "bias": (plain - mean) / std,
    }
    network.load_state_dict(state | kept | mapped)
    return network
