"""The network's own face model equals the fitter's, and is differentiable."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, combine, default_face_model
from rdr_core.fitting.contour import own_landmarks, visible_landmarks
from rdr_core.geometry.weak_perspective import project
from rdr_core.modeling.face_projection import FaceProjection

EULER = st.tuples(st.floats(-0.6, 0.6), st.floats(-1.5, 1.5), st.floats(-3, 3)).map(np.array)


def random_q(model: DynamicExpressionModel, seed: int, euler: np.ndarray) -> tuple[np.ndarray, ...]:
    """alpha_id (50,), P (7,) in crop units, alpha_exp (46,)."""
    rng = np.random.default_rng(seed)
    alpha_id = model.identity_mean + model.identity_std * rng.standard_normal(model.n_identity)
    pose = np.array([*euler, 0.52, 0.47, 9.0, 0.05])
    alpha_exp = rng.uniform(0, 1, 46) * (rng.random(46) < 0.2)
    return alpha_id.astype(np.float32), pose.astype(np.float32), alpha_exp.astype(np.float32)


@settings(max_examples=30)
@given(st.integers(0, 100), EULER)
def test_projection_agrees_in_numpy_and_torch(seed: int, euler: np.ndarray) -> None:
    """S_p and the head's own points, as the fitter and as the network compute them, in double precision."""
    model = default_face_model()
    projection = FaceProjection(model).double()
    alpha_id, pose, alpha_exp = (a.astype(np.float64) for a in random_q(model, seed, euler))
    blendshapes = projection.blendshapes(torch.from_numpy(alpha_id[None]))
    vertices = projection.vertices(blendshapes, torch.from_numpy(pose[None]), torch.from_numpy(alpha_exp[None]))
    face = combine(*model.landmark_tensor.contract_identity(alpha_id), alpha_exp)
    placed = project(face, pose[:3], pose[3:5], pose[6])
    np.testing.assert_allclose(vertices[0].numpy(), placed, atol=1e-5)
    own = own_landmarks(model.topology).on(placed)
    np.testing.assert_allclose(projection.landmarks_3d(vertices)[0].numpy(), own, atol=1e-5)
    contour = visible_landmarks(model.topology, face, pose[:3]).on(placed[:, :2])
    found = projection.projected_shape(vertices)[0].numpy()
    np.testing.assert_allclose(found[17:], contour[17:], atol=1e-5)
    assert np.median(np.abs(found[:17] - contour[:17])) < 1e-5
    assert np.abs(found[:17] - contour[:17]).max() < 1e-2  # a sign that rounding flips moves a point by a vertex


def test_batches(face_model: DynamicExpressionModel) -> None:
    projection = FaceProjection(face_model)
    rows = [random_q(face_model, seed, np.array([0.1, 0.4 * seed - 0.6, 0.2])) for seed in range(4)]
    alpha_id, pose, alpha_exp = (torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True))
    together = projection.projected_shape(projection.vertices(projection.blendshapes(alpha_id), pose, alpha_exp))
    for row in range(4):
        one = slice(row, row + 1)
        alone = projection.projected_shape(
            projection.vertices(projection.blendshapes(alpha_id[one]), pose[one], alpha_exp[one])
        )
        torch.testing.assert_close(together[row], alone[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("yaw", [0.0, 0.7])
def test_gradient_is_the_finite_difference(face_model: DynamicExpressionModel, yaw: float) -> None:
    """Of the inner landmarks with respect to P, alpha_id and alpha_exp."""
    projection = FaceProjection(face_model).double()
    q = [torch.from_numpy(a[None].astype(np.float64)) for a in random_q(face_model, 3, np.array([0.1, yaw, 0.1]))]
    weights = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 51, 2)))

    def value(alpha_id: torch.Tensor, pose: torch.Tensor, alpha_exp: torch.Tensor) -> torch.Tensor:
        vertices = projection.vertices(projection.blendshapes(alpha_id), pose, alpha_exp)
        return (projection.projected_shape(vertices)[:, 17:] * weights).sum()

    variables = [a.clone().requires_grad_() for a in q]
    gradients = torch.autograd.grad(value(*variables), variables)
    for number, gradient in enumerate(gradients):
        direction = torch.randn(q[number].shape, dtype=torch.float64, generator=torch.Generator().manual_seed(number))
        there, back = ([a + (s * 1e-6 * direction if n == number else 0) for n, a in enumerate(q)] for s in (1, -1))
        numeric = float(value(*there) - value(*back)) / 2e-6
        assert float((gradient * direction).sum()) == pytest.approx(numeric, rel=1e-4)
    assert gradients[1][0, 5] == 0  # t_z


def test_contour_landmarks_pass_gradients_to_the_shape(face_model: DynamicExpressionModel) -> None:
    """Which two vertices bound the contour is discrete; where they are is not."""
    projection = FaceProjection(face_model)
    alpha_id, pose, alpha_exp = (torch.from_numpy(a[None]) for a in random_q(face_model, 0, np.array([0.0, 0.5, 0.0])))
    vertices = projection.vertices(projection.blendshapes(alpha_id), pose, alpha_exp).requires_grad_()
    jaw = projection.projected_shape(vertices)[:, :17]
    (gradient,) = torch.autograd.grad(jaw.sum(), vertices)
    assert gradient[0, :, :2].sum() == pytest.approx(2 * 17, abs=1e-3)  # the two weights of each landmark sum to 1
    assert 17 <= (gradient[0, :, 0] != 0).sum() <= 34


def test_a_scale_below_zero_is_held(face_model: DynamicExpressionModel) -> None:
    """A network in its first steps may say so; the face must not turn inside out."""
    projection = FaceProjection(face_model)
    alpha_id, pose, alpha_exp = (torch.from_numpy(a[None]) for a in random_q(face_model, 0, np.zeros(3)))
    pose[:, 6] = -0.5
    vertices = projection.vertices(projection.blendshapes(alpha_id), pose, alpha_exp)
    assert torch.isfinite(vertices).all()
    assert vertices[0, :, 0].max() - vertices[0, :, 0].min() < 0.05
