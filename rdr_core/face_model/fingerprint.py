"""Naming a face model, so that what was made with it is not used with another."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from rdr_core.config import chosen_face_model
from rdr_core.errors import AssetError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, default_face_model


@lru_cache(maxsize=4)
def fingerprint(model: DynamicExpressionModel) -> str:
    """Name a face model: equal for equal C_B, topology and prior; 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for values in (
        model.tensor.core,
        model.tensor.vertex_factor,
        model.identity_mean,
        model.identity_std,
        model.topology.subset,
        model.topology.triangles,
    ):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:16]


def name_in_use() -> str | None:
    """Fingerprint of the face model in use; None: the shipped one."""
    return None if chosen_face_model() is None else fingerprint(default_face_model())


def check_face_model(info: Mapping[str, Any], weights: Path | str) -> None:
    """AssetError unless a network whose header says `info` was made for the face model in use."""
    if info.get("face_model") == name_in_use():
        return
    chosen = chosen_face_model()
    if chosen is None:
        raise AssetError(f"{weights}: made for another face model than the shipped one: name it with rdr --face-model")
    raise AssetError(
        f"{weights}: not made for {chosen}: leave out --weights to take the network beside it (made by rdr face-model "
        "import), or train one with rdr --face-model"
    )
