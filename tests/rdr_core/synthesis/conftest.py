"""What tests of synthesis share: the data folder's face models, read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.synthesis.wardrobe import Wardrobe


@pytest.fixture(scope="session")
def face_model_data(rdr_data: Path) -> Path:
    """Return the data folder's `face_model`."""
    return rdr_data / "face_model"


@pytest.fixture(scope="session")
def wardrobe(face_model_data: Path, face_model: DynamicExpressionModel) -> Wardrobe:
    """Return the measured people, with small atlases."""
    return Wardrobe(face_model_data, face_model, atlas_px=512)
