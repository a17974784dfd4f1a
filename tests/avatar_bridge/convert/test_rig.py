"""The avatar as meshes with targets: driven with coefficients, or with what ARKit's names make of them, one face."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from avatar_bridge.avatar import default_avatar
from avatar_bridge.convert.rig import MOVES_CM, MorphMesh, motion_of, rig_of
from avatar_bridge.errors import ConvertError
from avatar_bridge.mapping_file import load_preset
from avatar_bridge.retarget import Retargeter
from avatar_bridge.tracks import FaceTrack
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.eyes import gaze_rotation

MakeTrack = Callable[..., FaceTrack]
ARKIT = load_preset("arkit")


def moved(mesh: MorphMesh, names: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
    """(V, 3) cm, as every program with morph targets computes it."""
    return mesh.vertices + sum(weights[names.index(name)] * offsets for name, offsets in mesh.targets.items())


@pytest.mark.parametrize("mesh", [0, 3], ids=["skin", "mouth"])
def test_targets_move_the_avatar_as_it_moves(mesh: int) -> None:
    part = default_avatar().parts[mesh]
    weights = np.random.default_rng(0).random(46).astype(np.float32)
    off = np.linalg.norm(
        moved(rig_of(BLENDSHAPE_NAMES)[mesh], BLENDSHAPE_NAMES, weights) - part.vertices(weights), axis=1
    )
    assert off.max() < 46 * MOVES_CM / 4


def random_faces(count: int) -> np.ndarray:
    """Sparse, as faces are: about six shapes at a time."""
    random = np.random.default_rng(3)
    return (random.random((count, 46)) * (random.random((count, 46)) < 0.13)).astype(np.float32)


def test_arkit_shapes_make_the_same_face() -> None:
    """All that ARKit loses is LipLowerDown, which it makes of two others."""
    part, rig = default_avatar().parts[0], rig_of(ARKIT.targets)[0]
    retarget = Retargeter(ARKIT, BLENDSHAPE_NAMES)
    lip = BLENDSHAPE_NAMES.index("LipLowerDown")
    for weights in random_faces(12):
        kept = np.where(np.arange(46) == lip, 0, weights)
        off = np.linalg.norm(moved(rig, ARKIT.targets, retarget(kept)) - part.vertices(kept), axis=1)
        assert off.max() < 0.02  # cm, from targets that stop below MOVES_CM
    alone = np.eye(46, dtype=np.float32)[lip]
    off = np.linalg.norm(moved(rig, ARKIT.targets, retarget(alone)) - part.vertices(alone), axis=1)
    moves = np.linalg.norm(part.vertices(alone) - part.neutral, axis=1)
    assert np.sqrt((off**2).sum()) < 0.65 * np.sqrt((moves**2).sum())


def test_sides_stay_on_their_side() -> None:
    skin = rig_of(ARKIT.targets)[0]
    left = skin.vertices[:, 0] > 1
    for name, offsets in skin.targets.items():
        if name.startswith(("mouthUpperUp", "mouthLowerDown", "noseSneer")):
            other = ~left & (skin.vertices[:, 0] < -1) if name.endswith("Left") else left
            assert not offsets[other].any(), name
    both = skin.targets["noseSneerLeft"] + skin.targets["noseSneerRight"]
    whole = rig_of(BLENDSHAPE_NAMES)[0].targets["NoseWrinkle"]
    assert np.linalg.norm(both - whole, axis=1).max() < 2 * MOVES_CM


def test_what_has_no_source_has_no_target() -> None:
    skin, left, right, mouth = rig_of(ARKIT.targets)
    assert set(ARKIT.targets) - set(skin.targets) == {
        "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "tongueOut",
    }  # fmt: skip
    assert (left.name, right.name) == ("EyeLeft", "EyeRight")
    assert not left.targets
    assert left.pivot is not None
    assert right.pivot is not None
    assert left.pivot[0] > 0 > right.pivot[0]
    radius = np.linalg.norm(left.vertices, axis=1)
    assert radius[left.vertices[:, 2] < 0].std() < 1e-4, "it turns about its middle"
    assert 1.02 < radius.max() / radius.min() < 1.1, "the cornea stands out"
    assert (skin.texture_type, left.texture_type, mouth.texture) == ("image/jpeg", "image/png", None)
    with pytest.raises(ConvertError, match="take --names facewarehouse or arkit"):
        rig_of(load_preset("vrm1").targets)


def test_eyes_turn_with_the_gaze(make_track: MakeTrack) -> None:
    track = make_track(20)
    motion = motion_of(track)
    for name, is_left in (("EyeLeft", True), ("EyeRight", False)):
        w, x, y, z = motion.eyes[name].T
        forward = np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], axis=1)
        expected = [gaze_rotation(weights, is_left)[:, 2] for weights in track.weights]
        np.testing.assert_allclose(forward, expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(motion.head, axis=1), 1)
    assert (np.einsum("ti,ti->t", motion.head[1:], motion.head[:-1]) > 0).all()
