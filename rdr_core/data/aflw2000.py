"""AFLW2000-3D: 68 points of the head itself (jaw hidden or not), two ground truths, pose. Research-only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rdr_core.data.manifest import numbers, read_json_list
from rdr_core.data.sample import FaceSample, PointSet, box_of
from rdr_core.errors import DataError
from rdr_core.geometry.rotation import euler_from_matrix, matrix_from_euler
from rdr_core.types import Float32


@dataclass(frozen=True)
class Aflw2000Face:
    """A face with both of its ground truths."""

    sample: FaceSample
    """`landmarks_3d` is the original truth (68, 3); `other` AFLW's own 21 points, None where the manifest has none."""
    reannotated: Float32
    """(68, 2) the re-annotation (Bulat and Tzimiropoulos 2017), image px: whole pixels, of which it is the centres."""


def matrix_from_lp_euler(euler_rad: Float32) -> Float32:
    """Rotation of 300W-LP's and AFLW2000-3D's angles: R = Rx(-pitch) Ry(yaw) Rz(-roll), (3,) in our signs -> (3, 3).

    The order differs from ours (Y-X-Z), and near profile so do pitch and roll.
    """
    zero = np.float32(0)
    pitch, yaw, roll = (np.asarray(euler_rad)[k] for k in range(3))
    turn_pitch = matrix_from_euler(np.array([pitch, zero, zero]))
    return turn_pitch @ matrix_from_euler(np.array([zero, yaw, zero])) @ matrix_from_euler(np.array([zero, zero, roll]))


def lp_euler_from_matrix(matrix: Float32) -> Float32:
    """Inverse of `matrix_from_lp_euler`: (..., 3, 3) -> (..., 3) pitch, yaw, roll, for pose errors as published."""
    yaw = np.arcsin(np.clip(matrix[..., 0, 2], -1, 1))
    pitch = np.arctan2(matrix[..., 1, 2], matrix[..., 2, 2])
    roll = np.arctan2(matrix[..., 0, 1], matrix[..., 0, 0])
    return np.stack([pitch, yaw, roll], axis=-1)


def euler_of_pose_para(pose_para: Float32) -> Float32:
    """`Pose_Para` (1, 7) of 300W-LP and AFLW2000-3D -> (3,) pitch, yaw, roll in our signs and order, rad.

    It holds pitch, yaw, roll, three translations and the scale; its yaw is minus ours.
    """
    pitch, yaw, roll = pose_para.ravel()[:3].astype(np.float64)
    return euler_from_matrix(matrix_from_lp_euler(np.array([pitch, -yaw, roll]))).astype(np.float32)


def read_aflw2000(data: Path, split: str = "dev") -> list[Aflw2000Face]:
    """Read the development part; its angles (X-Y-Z) become ours (Y-X-Z)."""
    if split != "dev":
        raise DataError(f"of AFLW2000-3D the split dev is at hand, got {split!r}")
    manifest = data / "faces" / "aflw2000_dev.json"
    return [_face(manifest, number, row) for number, row in enumerate(read_json_list(manifest))]


def _face(manifest: Path, number: int, row: dict[str, object]) -> Aflw2000Face:
    where = f"{manifest}, object {number}"
    points = numbers(row, "pts68_3d", (68, 2), where)
    depth = numbers(row, "pts68_3d_z", (68,), where)
    reannotated = numbers(row, "pts68_reannotated", (68, 2), where)
    angles = [numbers(row, key, (), where) for key in ("pitch", "yaw", "roll")]
    if points is None or depth is None or reannotated is None or None in angles or not isinstance(row.get("file"), str):
        raise DataError(f"{where}: needs file, pts68_3d, pts68_3d_z, pts68_reannotated, pitch, yaw and roll")
    euler = euler_from_matrix(matrix_from_lp_euler(np.radians(np.array(angles, np.float32))))
    name = str(row["file"])
    sample = FaceSample(
        name,
        manifest.parent / name,
        box_of(points),
        landmarks_3d=np.concatenate([points, depth[:, None]], axis=1),
        euler_rad=euler,
        other=_points_21(row, where),
    )
    return Aflw2000Face(sample, reannotated + np.float32(0.5))


def _points_21(row: dict[str, object], where: str) -> PointSet | None:
    points, flags = numbers(row, "pts21", (21, 2), where), numbers(row, "vis21", (21,), where)
    if points is None or flags is None or not flags.any():
        return None
    visible = flags == 1
    return PointSet("aflw21", np.where(visible[:, None], points, np.nan).astype(np.float32), visible)
