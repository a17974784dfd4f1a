from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avatar_bridge.convert.rig import motion_of, rig_of
from avatar_bridge.convert.usd import colors_of, write_usd
from avatar_bridge.errors import ConvertError
from avatar_bridge.mapping_file import load_preset
from avatar_bridge.tracks import FaceTrack
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

MakeTrack = Callable[..., FaceTrack]


@pytest.fixture(scope="module")
def track(make_track: MakeTrack) -> FaceTrack:
    return make_track(20)


@pytest.fixture(scope="module")
def stage(track: FaceTrack, tmp_path_factory: pytest.TempPathFactory) -> Any:
    usd = pytest.importorskip("pxr.Usd")
    path = tmp_path_factory.mktemp("usd") / "a.usdc"
    told: list[int] = []
    write_usd(path, track, track, told.append)
    assert told == [0]
    assert [item.name for item in path.parent.iterdir()] == ["a.usdc"]
    return usd.Stage.Open(str(path))


def take(stage: Any) -> Any:
    from pxr import UsdSkel

    return UsdSkel.Animation(stage.GetPrimAtPath("/Avatar/Skeleton/Take"))


def test_samples_lie_at_the_capture_times(stage: Any, track: FaceTrack) -> None:
    rate = stage.GetTimeCodesPerSecond()
    for attribute in (take(stage).GetBlendShapeWeightsAttr(), take(stage).GetRotationsAttr()):
        np.testing.assert_allclose(np.array(attribute.GetTimeSamples()) / rate, track.seconds, atol=1e-9)
    assert stage.GetEndTimeCode() / rate == pytest.approx(track.seconds[-1])


def test_weights_and_joints_come_back(stage: Any, track: FaceTrack) -> None:
    animation, motion, rate = take(stage), motion_of(track), stage.GetTimeCodesPerSecond()
    names = list(animation.GetBlendShapesAttr().Get())
    assert names == list(BLENDSHAPE_NAMES)
    assert list(animation.GetJointsAttr().Get()) == ["Head", "Head/EyeLeft", "Head/EyeRight"]
    for frame in (0, 7, 19):
        code = track.seconds[frame] * rate
        np.testing.assert_array_equal(np.array(animation.GetBlendShapeWeightsAttr().Get(code)), track.weights[frame])
        turns = [[q.GetReal(), *q.GetImaginary()] for q in animation.GetRotationsAttr().Get(code)]
        expected = [motion.head[frame], motion.eyes["EyeLeft"][frame], motion.eyes["EyeRight"][frame]]
        np.testing.assert_allclose(turns, expected, atol=1e-6)
        places = np.array(animation.GetTranslationsAttr().Get(code))
        np.testing.assert_allclose(places[0], track.position_cm[frame], atol=1e-4)


def test_usds_own_skinning_moves_the_avatar_as_it_moves(stage: Any, track: FaceTrack) -> None:
    """UsdSkel evaluates blend shapes and joints: its points are the pose times the moved face."""
    from pxr import Usd, UsdGeom, UsdSkel

    baked = Usd.Stage.Open(stage.GetRootLayer().identifier)
    code = float(track.seconds[11] * baked.GetTimeCodesPerSecond())
    assert UsdSkel.BakeSkinning(UsdSkel.Root(baked.GetPrimAtPath("/Avatar")))
    rotation = rotation_of(track.quaternion[11].astype(float))
    for made in rig_of(BLENDSHAPE_NAMES):
        mesh = UsdGeom.Mesh(baked.GetPrimAtPath(f"/Avatar/{made.name}"))
        world = np.array(mesh.ComputeLocalToWorldTransform(code))  # a joint that moves all points alike is baked here
        points = np.array(mesh.GetPointsAttr().Get(code)) @ world[:3, :3] + world[3, :3]
        weights = dict(zip(BLENDSHAPE_NAMES, track.weights[11], strict=True))
        local = made.vertices + sum(weights[name] * offsets for name, offsets in made.targets.items())
        if made.pivot is not None:
            local = made.vertices @ rotation_of(motion_of(track).eyes[made.name][11]).T + made.pivot
        np.testing.assert_allclose(points, local @ rotation.T + track.position_cm[11], atol=2e-3)


def rotation_of(quaternion: np.ndarray) -> np.ndarray:
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def test_units_and_axes_are_said(stage: Any) -> None:
    from pxr import UsdGeom

    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    assert UsdGeom.GetStageMetersPerUnit(stage) == 0.01
    assert stage.GetDefaultPrim().GetPath() == "/Avatar"


def test_text_files_and_arkit_names(make_track: MakeTrack, tmp_path: Path) -> None:
    usd = pytest.importorskip("pxr.Usd")
    track = make_track(3)
    arkit = track.retargeted(load_preset("arkit"))
    for _ in range(2):  # also over a file that is there
        write_usd(tmp_path / "a.usda", arkit, track)
    assert (tmp_path / "a.usda").read_bytes().startswith(b"#usda")
    stage = usd.Stage.Open(str(tmp_path / "a.usda"))
    names = list(take(stage).GetBlendShapesAttr().Get())
    assert len(names) == 48
    assert "mouthUpperUpLeft" in names


def test_skin_has_the_colours_of_its_texture() -> None:
    skin, eye = rig_of(BLENDSHAPE_NAMES)[:2]
    colors = colors_of(skin)
    assert colors.shape == skin.vertices.shape
    red, green, blue = np.median(colors, axis=0)
    assert red > green > blue > 0
    front = eye.vertices[:, 2] > 0.99 * eye.vertices[:, 2].max()
    assert colors_of(eye)[front].max() < 0.05  # the pupil


def test_without_usd_core_it_says_what_to_install(
    make_track: MakeTrack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(ConvertError, match=r"pip install 'rdr-live\[usd\]'"):
        write_usd(tmp_path / "a.usda", make_track(2), make_track(2))
    assert not list(tmp_path.iterdir())
