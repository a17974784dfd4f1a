"""USD (.usd, .usda, .usdc; needs the extra `usd`): the avatar as UsdSkel, its blend shapes driven by a track.

Samples lie at the capture times: a time code is a second times timeCodesPerSecond, and need not be whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar_bridge.convert.rig import MorphMesh, Motion, motion_of, rig_of
from avatar_bridge.errors import ConvertError
from avatar_bridge.tracks import FaceTrack
from rdr_core.atomic import whole_file
from rdr_core.types import Float32

Array = npt.NDArray[Any]
_METRES: Final = 0.01
"""Metres per unit: the file is in cm, as the model."""
_PROGRESS_EVERY: Final = 500
_HEAD: Final = "Head"
_JOINT_OF: Final = {"EyeLeft": "Head/EyeLeft", "EyeRight": "Head/EyeRight"}


def write_usd(
    path: Path, track: FaceTrack, face: FaceTrack, progress: Callable[[int], object] = lambda frames: None
) -> None:
    """Write the avatar and its animation; colours are per vertex, so that it is one file.

    track: weights of the blend shapes, FaceWarehouse's or ARKit's; face: the same face with FaceWarehouse's.
    """
    try:
        from pxr import Tf, Usd
    except ImportError:
        raise ConvertError("USD files need usd-core: pip install 'rdr-live[usd]'") from None
    meshes, motion = rig_of(track.names), motion_of(face)
    with whole_file(path) as temporary:
        try:
            stage = Usd.Stage.CreateNew(str(temporary))
            _describe(stage, track)
            _build(stage, meshes, track, motion, progress)
            stage.GetRootLayer().Save()
            del stage  # USD writes to the file until it lets go
        except Tf.ErrorException as error:
            raise ConvertError(
                f"{path} could not be written as USD: {str(error).strip().splitlines()[-1]:.120}"
            ) from None


def _describe(stage: Any, track: FaceTrack) -> None:
    from pxr import UsdGeom

    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, _METRES)
    rate = max(1, round(track.rate_hz))
    stage.SetTimeCodesPerSecond(rate)
    stage.SetFramesPerSecond(rate)
    stage.SetStartTimeCode(track.seconds_of(0) * rate)
    stage.SetEndTimeCode(track.seconds_of(-1) * rate)


def _build(
    stage: Any, meshes: tuple[MorphMesh, ...], track: FaceTrack, motion: Motion, progress: Callable[[int], object]
) -> None:
    from pxr import UsdGeom, UsdSkel

    root = UsdSkel.Root.Define(stage, "/Avatar")
    stage.SetDefaultPrim(root.GetPrim())
    skeleton = UsdSkel.Skeleton.Define(stage, "/Avatar/Skeleton")
    pivots = {_HEAD: np.zeros(3)} | {_JOINT_OF[m.name]: m.pivot for m in meshes if m.pivot is not None}
    _rest(skeleton, pivots)
    animation = UsdSkel.Animation.Define(stage, "/Avatar/Skeleton/Take")
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    joints = list(pivots)
    for mesh in meshes:
        made = UsdGeom.Mesh.Define(stage, f"/Avatar/{mesh.name}")
        _geometry(made, mesh)
        joint = _JOINT_OF.get(mesh.name, _HEAD)
        _bind(stage, made, mesh, skeleton, joints.index(joint))
    shapes = [name for name in track.names if any(name in mesh.targets for mesh in meshes)]
    rate = stage.GetTimeCodesPerSecond()
    _animate(animation, joints, pivots, shapes, track, motion, rate, progress)


def _rest(skeleton: Any, pivots: Mapping[str, Array]) -> None:
    from pxr import Gf, Vt

    places = [Gf.Matrix4d(1).SetTranslate(Gf.Vec3d(*map(float, pivot))) for pivot in pivots.values()]
    skeleton.CreateJointsAttr(Vt.TokenArray(list(pivots)))
    skeleton.CreateBindTransformsAttr(Vt.Matrix4dArray(places))
    skeleton.CreateRestTransformsAttr(Vt.Matrix4dArray(places))


def _geometry(made: Any, mesh: MorphMesh) -> None:
    from pxr import UsdGeom, Vt

    vertices = mesh.vertices if mesh.pivot is None else mesh.vertices + mesh.pivot
    made.CreatePointsAttr(_vectors(vertices))
    made.CreateFaceVertexCountsAttr(Vt.IntArray([3] * len(mesh.triangles)))
    made.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(mesh.triangles.reshape(-1).astype(np.int32)))
    made.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    made.CreateNormalsAttr(_vectors(mesh.normals))
    made.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    made.CreateExtentAttr(_vectors(np.stack([vertices.min(axis=0), vertices.max(axis=0)])))
    made.CreateDisplayColorPrimvar(UsdGeom.Tokens.vertex).Set(_vectors(colors_of(mesh)))


def _bind(stage: Any, made: Any, mesh: MorphMesh, skeleton: Any, joint: int) -> None:
    from pxr import UsdSkel, Vt

    binding = UsdSkel.BindingAPI.Apply(made.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    binding.CreateJointIndicesPrimvar(constant=True, elementSize=1).Set(Vt.IntArray([joint]))
    binding.CreateJointWeightsPrimvar(constant=True, elementSize=1).Set(Vt.FloatArray([1.0]))
    if not mesh.targets:
        return
    paths = []
    for name, offsets in mesh.targets.items():
        shape = UsdSkel.BlendShape.Define(stage, f"/Avatar/{mesh.name}/{name}")
        moved = np.flatnonzero(offsets.any(axis=1)).astype(np.int32)
        shape.CreateOffsetsAttr(_vectors(offsets[moved]))
        shape.CreatePointIndicesAttr(Vt.IntArray.FromNumpy(moved))
        paths.append(shape.GetPath())
    binding.CreateBlendShapesAttr(Vt.TokenArray(list(mesh.targets)))
    binding.CreateBlendShapeTargetsRel().SetTargets(paths)


def _animate(
    animation: Any, joints: list[str], pivots: Mapping[str, Array], shapes: list[str], track: FaceTrack,
    motion: Motion, rate: float, progress: Callable[[int], object],
) -> None:  # fmt: skip
    from pxr import Gf, Vt

    animation.CreateJointsAttr(Vt.TokenArray(joints))
    animation.CreateBlendShapesAttr(Vt.TokenArray(shapes))
    animation.CreateScalesAttr(Vt.Vec3hArray([Gf.Vec3h(1, 1, 1)] * len(joints)))
    turns = {_HEAD: motion.head} | {_JOINT_OF[name]: turn for name, turn in motion.eyes.items()}
    weights = track.weights[:, [track.names.index(name) for name in shapes]].astype(np.float32)
    rotations, translations = animation.CreateRotationsAttr(), animation.CreateTranslationsAttr()
    blend = animation.CreateBlendShapeWeightsAttr()
    for frame, second in enumerate(motion.seconds):
        code = float(second) * rate
        rotations.Set(Vt.QuatfArray([Gf.Quatf(*map(float, turns[joint][frame])) for joint in joints]), code)
        places = [motion.position_cm[frame] if joint == _HEAD else pivots[joint] for joint in joints]
        translations.Set(_vectors(np.array(places)), code)
        blend.Set(Vt.FloatArray.FromNumpy(weights[frame]), code)
        if frame % _PROGRESS_EVERY == 0:
            progress(frame)


def colors_of(mesh: MorphMesh) -> Float32:
    """Return (V, 3) RGB in linear light: the texture under each vertex, times the mesh's own colours."""
    colors = np.ones((len(mesh.vertices), 3), np.float32) if mesh.colors is None else mesh.colors
    if mesh.texture is None or mesh.uv is None:
        return colors
    image = cv2.imdecode(np.frombuffer(mesh.texture, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ConvertError(f"the texture of {mesh.name} cannot be read; install the program again")
    places = np.clip((mesh.uv * image.shape[1::-1]).astype(int), 0, np.array(image.shape[1::-1]) - 1)
    seen = image[places[:, 1], places[:, 0], ::-1] / 255.0
    return (colors * seen**2.2).astype(np.float32)


def _vectors(values: Array) -> Any:
    from pxr import Vt

    return Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(values, np.float32))
