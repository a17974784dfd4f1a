"""FaceWarehouse from a user's own copy: `rdr face-model import FOLDER --out model.npz`.

FaceWarehouse (Cao et al. 2014) is given out per person under a research licence: 47 meshes each, no core tensor. The
tensor of Eq. (2) is made here by HOSVD along identity. E: expressions (46).  N: vertices (11,510).  S: people (150).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.resources import as_file, files
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from rdr_core.errors import AssetError
from rdr_core.face_model.blendshape_names import N_EXPRESSIONS
from rdr_core.face_model.build_default import FACE_RANK, N_IDENTITY, reconstruction_error_mm
from rdr_core.face_model.core_tensor import CoreTensor, compress, decompose
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, shipped_face_model
from rdr_core.face_model.topology import Topology, build_topology
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT, INNER, N_LANDMARKS
from rdr_core.types import Float32

N_LAND_POINTS: Final = 74
EYE_CORNERS_CM: Final = 8.9
"""FaceWarehouse has no unit. The outer corners of an adult's eyes are about this far apart, and pose, scale and the
parallel lines of the contour count in cm."""
Advance = Callable[..., None]
"""advance(n=1, text=None): so much more is done, now comes this."""
_HEADER: Final = 12
_VERTICES: Final = range(1_000, 100_001)
_MAX_POLYGONS: Final = 200_000
_MAX_OBJ_BYTES: Final = 64 * 2**20
_MAX_COORDINATE: Final = 1e6


def nowhere(n: float = 1, text: str | None = None) -> None:
    """Tell nobody how far it is."""


def read_facewarehouse(
    folder: Path,
    landmarks: Path | None = None,
    n_identity: int = N_IDENTITY,
    rank: int = FACE_RANK,
    advance: Advance = nowhere,
) -> tuple[DynamicExpressionModel, tuple[float, float]]:
    """Build the dynamic expression model from `folder`/Tester_*/Blendshape: shape.bs and shape_0.obj, or shape_0.obj to
    shape_46.obj.

    Takes about 3 GB of memory for all 150 people.

    Args:
        landmarks: JSON with the 68 landmark `vertices` of the mesh; by default the list that comes with the program.
        n_identity: identity dimensions to keep, at most the number of people.
        rank: rank of the vertex mode (see `core_tensor.compress`).
        advance: told of each person read, and of two steps more.

    Returns:
        a model in cm, in the frame of the shipped one, and how far, mm, the first eight people's meshes lie from it:
        RMS and 99.9th percentile. AssetError where a file is missing, truncated or unusable.
    """
    paths = people_of(folder)
    if not 0 < n_identity <= len(paths) or rank < 1:
        raise AssetError(
            f"{folder}: {n_identity} identity dimensions of rank {rank} cannot come from {len(paths)} people; "
            "give --identities up to that number and a positive --rank"
        )
    slices = _read_people(paths, advance)
    n_vertices = slices.shape[2] // 3
    points = read_landmark_list(landmarks, n_vertices)
    triangles = read_triangles(paths[0] / "shape_0.obj", n_vertices)
    _into_default_frame(slices, points, folder)
    neutrals, offsets = slices[:, 0], slices[:, 1:]
    topology = _topology(neutrals.mean(axis=0).reshape(-1, 3), triangles, points, folder)
    advance(0, "HOSVD along identity")
    dense, alpha_id = decompose(neutrals, offsets, n_identity)
    advance(1, f"vertex mode to rank {rank}")
    tensor = compress(dense, rank)
    advance(1)
    model = DynamicExpressionModel(tensor, topology, alpha_id.mean(axis=0), alpha_id.std(axis=0))
    return model, _error_mm(tensor, alpha_id, slices)


def people_of(folder: Path) -> list[Path]:
    """Folders of all people's shapes, Tester_1/Blendshape first."""
    found = {
        int(match[1]): path / "Blendshape"
        for path in folder.glob("Tester_*")
        if (match := re.fullmatch(r"Tester_(\d{1,6})", path.name))
    }
    if not found:
        raise AssetError(f"{folder}: no Tester_* folders in it; give the folder of your FaceWarehouse copy")
    return [found[number] for number in sorted(found)]


def read_person(folder: Path) -> Float32:
    """Read a person's Blendshape folder, shape.bs or else shape_0.obj to shape_46.obj: (E + 1, N, 3), neutral first."""
    if (folder / "shape.bs").exists():
        return read_shapes(folder / "shape.bs")
    paths = [folder / f"shape_{number}.obj" for number in range(N_EXPRESSIONS + 1)]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise AssetError(
            f"{folder}: neither shape.bs nor all of shape_0.obj to shape_{N_EXPRESSIONS}.obj ({len(missing)} missing, "
            f"first {missing[0]}); copy it again, or move this person away"
        )
    shapes = [read_vertices(path) for path in paths]
    for path, shape in zip(paths, shapes, strict=True):
        if shape.shape != shapes[0].shape:
            raise AssetError(f"{path}: has {len(shape)} vertices, shape_0.obj {len(shapes[0])}; copy it again")
    return np.stack(shapes)


def read_vertices(path: Path) -> Float32:
    """Read the vertices of an OBJ: (N, 3) in its own unit."""
    lines = [line.split()[1:4] for line in _obj_lines(path) if line.startswith("v ")]
    try:
        vertices = np.array(lines, np.float32)
    except ValueError:
        vertices = np.empty(0, np.float32)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or not np.abs(vertices).max() < _MAX_COORDINATE:
        raise AssetError(f"{path}: has vertices that are not three finite numbers; copy it again")
    if len(vertices) not in _VERTICES:
        raise AssetError(f"{path}: has {len(vertices)} vertices, no FaceWarehouse mesh, which has 11510")
    return vertices


def read_shapes(path: Path) -> Float32:
    """Read a shape.bs: (E + 1, N, 3) absolute positions, neutral first, in FaceWarehouse's own unit.

    Little endian: int32 shapes (E), vertices (N), polygons; (E + 1) N 3 float32; what follows is ignored.
    """
    try:
        with path.open("rb") as file:
            header = np.frombuffer(file.read(_HEADER), np.uint8)
            if len(header) < _HEADER:
                raise AssetError(f"{path}: truncated, it has {len(header)} bytes; copy it again")
            n_shapes, n_vertices, n_polygons = (int(number) for number in header.view("<i4"))
            if n_shapes != N_EXPRESSIONS or n_vertices not in _VERTICES or not 0 < n_polygons <= _MAX_POLYGONS:
                raise AssetError(
                    f"{path}: not FaceWarehouse's shapes: its header counts {n_shapes} shapes, {n_vertices} vertices, "
                    f"{n_polygons} polygons; expected {N_EXPRESSIONS} shapes, as in 46, 11510, 11540"
                )
            count = (n_shapes + 1) * n_vertices * 3
            needed, size = _HEADER + 4 * count, path.stat().st_size
            if size < needed:
                raise AssetError(f"{path}: truncated, it has {size} bytes of {needed}; copy it again")
            shapes = np.fromfile(file, "<f4", count)
    except OSError as error:
        raise AssetError(f"{path}: cannot be read ({error.strerror})") from error
    if len(shapes) != count or not np.abs(shapes).max() < _MAX_COORDINATE:  # false for NaN, too
        raise AssetError(f"{path}: has positions that are not finite or over {_MAX_COORDINATE:g}; copy it again")
    return shapes.astype(np.float32).reshape(n_shapes + 1, n_vertices, 3)


def read_triangles(path: Path, n_vertices: int) -> npt.NDArray[np.int32]:
    """Read the polygons of an OBJ of `n_vertices` vertices as triangles (T, 3), from 0; quads are cut in two.

    Corners are v, v/vt, v//vn or v/vt/vn.
    """
    lines = _obj_lines(path)
    found = sum(line.startswith("v ") for line in lines)
    if found != n_vertices:
        raise AssetError(f"{path}: has {found} vertices, shape.bs beside it {n_vertices}; copy both again")
    triangles: list[tuple[int, int, int]] = []
    for number, line in enumerate(lines, 1):
        if line.startswith("f "):
            first, *rest = _corners(line, f"{path}, line {number}", n_vertices)
            triangles += [(first, a, b) for a, b in pairwise(rest)]
    if not 0 < len(triangles) <= _MAX_POLYGONS:
        raise AssetError(f"{path}: has {len(triangles)} triangles, no FaceWarehouse mesh")
    return np.array(triangles, np.int32)


def _obj_lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > _MAX_OBJ_BYTES:
            raise AssetError(f"{path}: over {_MAX_OBJ_BYTES // 2**20} MB, no FaceWarehouse mesh")
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError as error:
        raise AssetError(f"{path}: cannot be read ({error.strerror}); shape_0.obj holds the mesh's polygons") from error


def _corners(line: str, where: str, n_vertices: int) -> list[int]:
    try:
        corners = [int(corner.partition("/")[0]) - 1 for corner in line.split()[1:]]
    except ValueError:
        corners = []
    if len(corners) not in (3, 4) or min(corners) < 0 or max(corners) >= n_vertices:
        raise AssetError(f"{where}: expected 3 or 4 corners from 1 to {n_vertices}, got {line[:60]!r}")
    return corners


def read_landmark_list(path: Path | None, n_vertices: int) -> npt.NDArray[np.int32]:
    """Read {"vertices": [68 indices from 0]}: (68,) int32; by default the list that comes with the program."""
    if path is None:
        with as_file(files("rdr_core") / "assets" / "facewarehouse_landmarks.json") as shipped:
            return read_landmark_list(shipped, n_vertices)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        vertices = content["vertices"]
    except OSError as error:
        raise AssetError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise AssetError(f'{path}: not a landmark list, expected {{"vertices": [68 indices]}} ({error!r})') from error
    whole = isinstance(vertices, list) and all(type(vertex) is int and 0 <= vertex < n_vertices for vertex in vertices)
    if not whole or len(set(vertices)) != len(vertices) or len(vertices) != N_LANDMARKS:
        raise AssetError(f"{path}: `vertices` must be {N_LANDMARKS} different indices from 0 to {n_vertices - 1}")
    return np.array(vertices, np.int32)


def read_land(path: Path, width: int, height: int) -> Float32:
    """Read a .land file of a picture of `width` x `height` px: (74, 2) float32, image px.

    The file counts x and y in [0, 1], y from the bottom.
    """
    try:
        words = path.read_text(encoding="ascii", errors="replace").split()
        numbers = np.array(words[1:], np.float64)
        count = int(words[0])
    except OSError as error:
        raise AssetError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, IndexError) as error:
        raise AssetError(f"{path}: not a .land file ({error})") from error
    if count != N_LAND_POINTS or len(numbers) != 2 * N_LAND_POINTS or not np.isfinite(numbers).all():
        raise AssetError(f"{path}: expected {N_LAND_POINTS} finite points, got {count} and {len(numbers)} numbers")
    points = numbers.reshape(-1, 2)
    return np.stack([points[:, 0] * width, height - points[:, 1] * height], axis=1).astype(np.float32)


def _read_people(paths: list[Path], advance: Advance) -> Float32:
    """(S, E + 1, 3N) absolute positions."""
    first = read_person(paths[0])
    slices = np.empty((len(paths), len(first), first[0].size), np.float32)
    for person, path in enumerate(paths):
        shapes = first if person == 0 else read_person(path)
        if shapes.shape != first.shape:
            raise AssetError(f"{path}: has {shapes.shape[1]} vertices, {paths[0]} {first.shape[1]}; copy both again")
        slices[person] = shapes.reshape(len(shapes), -1)
        advance(1)
    return slices


def _into_default_frame(slices: Float32, landmarks: npt.NDArray[np.int32], folder: Path) -> None:
    """Turn absolute positions (S, E + 1, 3N) in place into neutrals and offsets, cm, in the default model's frame."""
    mean = slices[:, 0].mean(axis=0).reshape(-1, 3)[landmarks]
    across = mean[EYE_LEFT[3]] - mean[EYE_RIGHT[0]]  # the subject's left is +x
    down = mean[EYE_LEFT].mean(axis=0) - mean[INNER[-1]]
    if not (across[0] > 1e-6 and abs(across[0]) > abs(across[1:]).max() and down[1] > 0):
        raise AssetError(
            f"{folder}: the landmarks' eyes do not lie left and right above the mouth (eye corners {across.tolist()} "
            "apart): the landmark list is of another mesh, give yours with --landmarks"
        )
    scale = np.float32(EYE_CORNERS_CM / np.linalg.norm(across))
    default = shipped_face_model()
    home = default.face()[default.topology.landmarks[INNER]].mean(axis=0)
    slices *= scale
    slices[:, 1:] -= slices[:, :1]
    slices[:, 0] += np.tile(home - scale * mean[INNER].mean(axis=0), slices.shape[2] // 3)


def _topology(
    neutral: Float32, triangles: npt.NDArray[np.int32], landmarks: npt.NDArray[np.int32], folder: Path
) -> Topology:
    try:
        return build_topology(neutral, triangles, landmarks)
    except (ValueError, IndexError) as error:  # planes that meet no edge
        raise AssetError(
            f"{folder}: no parallel lines run from the cheeks to the jaw ({error}): the landmark list is of another "
            "mesh, give yours with --landmarks"
        ) from error


def _error_mm(tensor: CoreTensor, alpha_id: Float32, slices: Float32) -> tuple[float, float]:
    some = slices[:8].reshape(len(slices[:8]), slices.shape[1], -1, 3)
    return reconstruction_error_mm(tensor, alpha_id[:8], some[:, 0], some[:, 1:])
