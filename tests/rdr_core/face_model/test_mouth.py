"""The inside of the mouth: its colours, and whether teeth are seen between open lips."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import shipped_face_model
from rdr_core.face_model.eyes import find_eyeballs
from rdr_core.face_model.mouth import mouth_colors, rim, show_teeth
from rdr_core.types import Float32

JAW = BLENDSHAPE_NAMES.index("JawOpen")


class Inside(NamedTuple):
    neutral: Float32
    offsets: Float32
    colors: Float32
    lips_y: tuple[float, float]

    @property
    def tooth(self) -> np.ndarray:
        return self.colors.min(axis=1) > 0.6

    def rows(self, offsets: Float32) -> tuple[float, float]:
        """How high the middle incisors' edges are in a wide open mouth, upper and lower."""
        opened = (self.neutral + offsets[JAW])[:, 1]
        middle = self.tooth & (np.abs(self.neutral[:, 0]) < 0.5) & (self.neutral[:, 2] > 9)
        moves = np.abs(self.offsets[JAW]).max(axis=1) > 0.5
        return float(opened[middle & ~moves].min()), float(opened[middle & moves].max())


@pytest.fixture(scope="module", params=[0, 1])
def inside(request: pytest.FixtureRequest) -> Inside:
    """The shipped model's mouth: of the mean face, and of another."""
    model = shipped_face_model()
    assert model.accessories is not None
    alpha_id = model.identity_mean + request.param * model.identity_std * np.sin(np.arange(model.n_identity))
    neutral, offsets = model.accessories.tensor.contract_identity(alpha_id.astype(np.float32))
    eyes = np.concatenate(find_eyeballs(model.accessories))
    kept = np.setdiff1d(np.arange(len(neutral)), eyes)
    face, moved = model.blendshapes(alpha_id.astype(np.float32))
    upper, lower = (face + moved[JAW])[model.topology.landmarks[[62, 66]], 1]
    return Inside(neutral[kept], offsets[:, kept], model.accessories.colors[kept], (float(upper), float(lower)))


def test_both_rows_are_seen_in_an_open_mouth(inside: Inside) -> None:
    upper, lower = inside.rows(show_teeth(*inside))
    assert inside.lips_y[0] - upper > 0.25
    assert lower - inside.lips_y[1] > 0.25
    assert upper - lower > 1.5, "and the rows are apart"


def test_nothing_but_the_open_jaw_and_only_flesh_and_teeth_change(inside: Inside) -> None:
    changed = show_teeth(*inside)
    others = np.arange(len(BLENDSHAPE_NAMES)) != JAW
    np.testing.assert_array_equal(changed[others], inside.offsets[others])
    wall = inside.colors.max(axis=1) < 0.3
    assert wall.any()
    np.testing.assert_array_equal(changed[JAW, wall], inside.offsets[JAW, wall])
    assert np.abs(changed[JAW] - inside.offsets[JAW]).max() < 0.6


def test_teeth_that_are_seen_already_stay(inside: Inside) -> None:
    changed = show_teeth(inside.neutral, inside.offsets, inside.colors, (5.0, -20.0))
    np.testing.assert_array_equal(changed, inside.offsets)


def test_a_mouth_without_teeth_stays(inside: Inside) -> None:
    toothless = np.where(inside.tooth[:, None], 0.4, inside.colors).astype(np.float32)
    changed = show_teeth(inside.neutral, inside.offsets, toothless, inside.lips_y)
    np.testing.assert_array_equal(changed, inside.offsets)
    assert np.isfinite(mouth_colors(inside.neutral, inside.offsets, toothless)).all()


def test_colours(inside: Inside) -> None:
    painted = mouth_colors(inside.neutral, inside.offsets, inside.colors)
    assert painted.shape == inside.neutral.shape
    assert painted.min() >= 0
    assert painted.max() <= 1
    front, back = inside.neutral[:, 2] > 9.5, inside.neutral[:, 2] < 5
    assert painted[inside.tooth & front].min() > 0.3, "front teeth are bright"
    assert painted[back].max() < 0.1, "the throat is dark"
    flesh = ~inside.tooth & front & (inside.colors.max(axis=1) > 0.3) & (inside.neutral[:, 1] < 0)
    assert (painted[flesh, 0] > 2 * painted[flesh, 1]).all(), "gums and tongue are red"


def test_rim_is_where_a_surface_ends() -> None:
    open_square = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    np.testing.assert_array_equal(rim(open_square), [0, 1, 2, 3])
    tetrahedron = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    assert rim(tetrahedron).size == 0
