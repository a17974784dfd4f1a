"""A person of FaceWarehouse as its authors give it out: Tester_N/Blendshape/shape.bs beside shape_0.obj.

E: expressions (46).  N: vertices (11,510).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .errors import AvatarError
from .shapes import N_SHAPES

Array = npt.NDArray[Any]
_HEADER_BYTES: Final = 12
_VERTICES: Final = range(100, 100_001)
_MAX_POLYGONS: Final = 200_000
_MAX_OBJ_BYTES: Final = 64 * 2**20
_MAX_COORDINATE: Final = 1e6


@dataclass(frozen=True, eq=False)
class Person:
    """Meshes of one person, in FaceWarehouse's own unit and axes: +x the subject's left, +y up, +z forward."""

    shapes: Array
    """(E + 1, N, 3) float32 positions, the neutral face first."""
    polygons: list[tuple[int, ...]]
    """Corners from 0, three or four each."""

    @property
    def height(self) -> float:
        """Of the neutral face, from its lowest vertex to its highest."""
        return float(np.ptp(self.shapes[0, :, 1]))


def read_person(path: Path) -> Person:
    """Return the person of a shape.bs, or of a folder with one. Raises AvatarError."""
    if path.is_dir():
        path = next((p for p in (path / "shape.bs", path / "Blendshape" / "shape.bs") if p.is_file()), path)
    shapes = _read_shapes(path)
    return Person(shapes, _read_polygons(path.with_name("shape_0.obj"), shapes.shape[1]))


def _read_shapes(path: Path) -> Array:
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
            if len(header) < _HEADER_BYTES:
                raise AvatarError(f"{path} is truncated: it has {len(header)} bytes; copy it again")
            n_shapes, n_vertices, n_polygons = (int(number) for number in np.frombuffer(header, "<i4"))
            if n_shapes != N_SHAPES or n_vertices not in _VERTICES or not 0 < n_polygons <= _MAX_POLYGONS:
                raise AvatarError(
                    f"{path} is no shape.bs of FaceWarehouse: it counts {n_shapes} shapes, {n_vertices} vertices, "
                    f"{n_polygons} polygons; expected {N_SHAPES} shapes"
                )
            count = (n_shapes + 1) * n_vertices * 3
            content = file.read(4 * count)
    except OSError as error:
        raise AvatarError(f"cannot open {path}: {error.strerror}; choose a shape.bs of FaceWarehouse") from None
    if len(content) < 4 * count:
        raise AvatarError(f"{path} is truncated: it has {_HEADER_BYTES + len(content)} bytes; copy it again")
    positions = np.frombuffer(content, "<f4").astype(np.float32)
    if not np.abs(positions).max() < _MAX_COORDINATE:  # false for NaN, too
        raise AvatarError(f"{path} has positions that are not finite or over {_MAX_COORDINATE:g}; copy it again")
    return positions.reshape(n_shapes + 1, n_vertices, 3)


def _read_polygons(path: Path, n_vertices: int) -> list[tuple[int, ...]]:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_OBJ_BYTES + 1)
    except OSError as error:
        raise AvatarError(
            f"cannot open {path}: {error.strerror}; it has the polygons and lies beside shape.bs"
        ) from None
    lines = content.decode("ascii", "replace").splitlines()
    found = sum(line.startswith("v ") for line in lines)
    if len(content) > _MAX_OBJ_BYTES or found != n_vertices:
        raise AvatarError(f"{path} has {found} vertices, shape.bs beside it {n_vertices}; copy both again")
    polygons = [_corners(line, f"{path}, line {i}", n_vertices) for i, line in enumerate(lines, 1) if line[:2] == "f "]
    if not 0 < len(polygons) <= _MAX_POLYGONS:
        raise AvatarError(f"{path} has {len(polygons)} polygons: it is no mesh of FaceWarehouse")
    return polygons


def _corners(line: str, where: str, n_vertices: int) -> tuple[int, ...]:
    try:
        corners = tuple(int(corner.partition("/")[0]) - 1 for corner in line.split()[1:])
    except ValueError:
        corners = ()
    if (
        len(set(corners)) != len(corners)
        or len(corners) not in (3, 4)
        or not 0 <= min(corners) <= max(corners) < n_vertices
    ):
        raise AvatarError(f"{where}: expected 3 or 4 corners from 1 to {n_vertices}, got {line[:60]!r}")
    return corners
