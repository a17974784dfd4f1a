"""People of one face model in another: on a model and itself, and on the imitation of FaceWarehouse."""

from __future__ import annotations

import numpy as np
import pytest

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.face_model.identity_map import identity_map
from rdr_core.landmarks import INNER


def neutral_landmarks(model: DynamicExpressionModel, alpha_id: np.ndarray) -> np.ndarray:
    return model.blendshapes(alpha_id.astype(np.float32))[0][model.topology.landmarks[INNER]]


def test_a_model_in_itself(face_model: DynamicExpressionModel) -> None:
    """What landmarks cannot tell goes to the mean; the landmarks stay."""
    same = identity_map(face_model, face_model)
    assert same.inner_rms_mm < 1
    assert same.unmapped_rms_mm > 3
    np.testing.assert_allclose(same.apply(face_model.identity_mean), face_model.identity_mean, atol=1e-3)


def test_people_of_the_imitation_are_known_again(
    model: DynamicExpressionModel, people: np.ndarray, face_model: DynamicExpressionModel, order: np.ndarray
) -> None:
    """The people that the model was made of come nearer than the mean face does, by half at least."""
    mapped = identity_map(face_model, model)
    back = np.argsort(order)
    design = np.tensordot(face_model.tensor.vertex_factor, face_model.tensor.core[:, :, 0], axes=1)
    mean = neutral_landmarks(model, model.identity_mean)
    for shapes in people:
        alpha_id = np.linalg.lstsq(design, shapes[0, back].ravel(), rcond=None)[0]
        wanted = neutral_landmarks(face_model, alpha_id)
        error = np.linalg.norm(neutral_landmarks(model, mapped.apply(alpha_id)) - wanted, axis=1).mean()
        assert error < 0.6 * np.linalg.norm(mean - wanted, axis=1).mean()
    assert mapped.matrix.shape == (8, 50)
    assert mapped.inner_rms_mm < 0.6 * mapped.unmapped_rms_mm


def test_network_says_the_mapped_identity(
    model: DynamicExpressionModel, face_model: DynamicExpressionModel, shipped_network: object
) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra `train`")
    from rdr_core.inference.other_face_model import on_face_model
    from rdr_core.inference.predictor import InferenceGraph
    from rdr_core.training.checkpoint import load_checkpoint, network_from_checkpoint

    checkpoint = load_checkpoint(shipped_network.with_suffix(".safetensors"))  # type: ignore[attr-defined]
    old = network_from_checkpoint(checkpoint)
    identity = identity_map(face_model, model)
    new = on_face_model(old, checkpoint.config, identity, model)
    image = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        before, after = InferenceGraph(old)(image), InferenceGraph(new)(image)
    assert after[5].shape == (2, 8)
    np.testing.assert_allclose(after[5].numpy(), identity.apply(before[5].numpy()), atol=1e-3)
    torch.testing.assert_close(after[6], before[6])
