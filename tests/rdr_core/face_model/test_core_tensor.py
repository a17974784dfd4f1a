"""HOSVD along identity and the compression of the vertex mode."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.errors import AssetError
from rdr_core.face_model.core_tensor import CoreTensor, compress, decompose
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel

SAMPLES, EXPRESSIONS, VERTICES = 12, 5, 30


def faces(rank: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(S, 3N) neutrals and (S, E, 3N) offsets of people who differ in `rank` ways."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(SAMPLES, rank))
    shapes = np.einsum("sr,rev->sev", weights, rng.normal(size=(rank, EXPRESSIONS + 1, 3 * VERTICES)))
    return shapes[:, 0].astype(np.float32), shapes[:, 1:].astype(np.float32)


def contract(dense: np.ndarray, alpha_id: np.ndarray) -> np.ndarray:
    return np.einsum("vie,si->sev", dense, alpha_id)


@pytest.mark.parametrize("rank", [1, 3, 6])
def test_hosvd_is_exact_on_a_low_rank_tensor(rank: int) -> None:
    neutrals, offsets = faces(rank)
    dense, alpha_id = decompose(neutrals, offsets, rank)
    assert dense.shape == (3 * VERTICES, rank, EXPRESSIONS + 1)
    again = contract(dense, alpha_id)
    np.testing.assert_allclose(again[:, 0], neutrals, atol=1e-4)
    np.testing.assert_allclose(again[:, 1:], offsets, atol=1e-4)
    missing, alpha_id = decompose(neutrals, offsets, max(1, rank - 1))
    if rank > 1:
        assert np.abs(contract(missing, alpha_id)[:, 0] - neutrals).max() > 0.1


def test_expression_slices_stay_blendshapes() -> None:
    """Slice e of C_B holds expression e of everybody and nothing of the others: a face without it has a zero slice."""
    neutrals, offsets = faces(4)
    offsets[:, 2] = 0
    dense, _ = decompose(neutrals, offsets, 4)
    assert np.abs(dense[:, :, 3]).max() < 1e-5
    doubled = offsets.copy()
    doubled[:, 1] *= 2
    other, alpha_id = decompose(neutrals, doubled, 4)
    np.testing.assert_allclose(contract(other, alpha_id)[:, 1:], doubled, atol=1e-4)


def test_coefficients_are_orthogonal_and_of_unit_spread() -> None:
    _, alpha_id = decompose(*faces(8), 6)
    np.testing.assert_allclose(alpha_id.T @ alpha_id / SAMPLES, np.eye(6), atol=1e-4)
    assert (alpha_id.sum(axis=0) >= 0).all()


@pytest.mark.parametrize("n_identity", [0, 13])
def test_identities_that_the_faces_do_not_have(n_identity: int) -> None:
    with pytest.raises(AssetError, match=f"cannot keep {n_identity} identity dimensions of 12 faces"):
        decompose(*faces(3), n_identity)


def test_compression_error_falls_with_rank() -> None:
    dense, _ = decompose(*faces(8), 8)
    errors = [np.linalg.norm(expand(compress(dense, rank)) - dense) for rank in (2, 8, 20, 8 * (EXPRESSIONS + 1))]
    assert all(np.diff(errors) < 0)
    assert errors[-1] < 1e-3


def expand(tensor: CoreTensor) -> np.ndarray:
    return np.tensordot(tensor.vertex_factor, tensor.core, axes=1)


def test_compression_is_the_best_of_its_rank() -> None:
    """As good as the truncated singular value decomposition of the unfolded tensor."""
    dense, _ = decompose(*faces(8), 8)
    singular = np.linalg.svd(dense.reshape(len(dense), -1).astype(np.float64), compute_uv=False)
    residual = np.linalg.norm(expand(compress(dense, 10)) - dense)
    assert residual == pytest.approx(np.sqrt((singular[10:] ** 2).sum()), rel=1e-3)


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4))
def test_contraction_of_factors_equals_the_dense_tensor(alpha: list[float]) -> None:
    dense, _ = decompose(*faces(4), 4)
    tensor = compress(dense, 24)
    alpha_id = np.array(alpha, np.float32)
    neutral, offsets = tensor.contract_identity(alpha_id)
    expected = np.einsum("vie,i->ev", dense, alpha_id)
    np.testing.assert_allclose(neutral.ravel(), expected[0], atol=1e-3)
    np.testing.assert_allclose(offsets.reshape(EXPRESSIONS, -1), expected[1:], atol=1e-3)


def test_rows_are_the_same_vertices(face_model: DynamicExpressionModel) -> None:
    vertices = np.array([5, 0, 777, 5])
    some = face_model.tensor.rows(vertices)
    assert some.n_vertices == 4
    neutral, offsets = some.contract_identity(face_model.identity_mean)
    whole_neutral, whole_offsets = face_model.blendshapes()
    np.testing.assert_allclose(neutral, whole_neutral[vertices], atol=1e-5)
    np.testing.assert_allclose(offsets, whole_offsets[:, vertices], atol=1e-5)


@pytest.mark.parametrize(
    ("factor", "core"), [((6, 4), (5, 2, 3)), ((7, 4), (4, 2, 3)), ((6,), (4, 2, 3)), ((6, 4), (4, 2))]
)
def test_factors_that_do_not_fit(factor: tuple[int, ...], core: tuple[int, ...]) -> None:
    with pytest.raises(AssetError, match="needs factors"):
        CoreTensor(np.zeros(factor, np.float32), np.zeros(core, np.float32))
