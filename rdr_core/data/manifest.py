"""Manifests: JSON lists of faces, and plain folders of pictures.

An object has `image` or `file` (relative to the manifest, or absolute) and optionally `bbox_xyxy` (tight landmark box),
`pts68` (68 x 2 landmarks on the visible contour) and `person`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from rdr_core.data.sample import FaceSample, box_of
from rdr_core.errors import DataError
from rdr_core.types import Float32

PICTURE_ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


def read_json_list(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON list; DataError in one line where it is not one."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such manifest") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a JSON manifest ({error})") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: a manifest is a JSON list of objects")
    if not rows:
        raise DataError(f"{path}: the manifest is empty")
    return rows


def read_faces(source: Path) -> list[FaceSample]:
    """Read a manifest, a folder of pictures or one picture."""
    if source.is_dir():
        files = sorted(p for p in source.iterdir() if p.suffix.lower() in PICTURE_ENDINGS)
        if not files:
            raise DataError(f"{source}: no pictures in this folder ({', '.join(sorted(PICTURE_ENDINGS))} are read)")
        return [FaceSample(name=p.name, image_path=p) for p in files]
    if source.suffix.lower() in PICTURE_ENDINGS and source.is_file():
        return [FaceSample(name=source.name, image_path=source)]
    return [_face(source, number, row) for number, row in enumerate(read_json_list(source))]


def numbers(row: dict[str, Any], key: str, shape: tuple[int, ...], where: str) -> Float32 | None:
    """Return row[key] as finite float32 of `shape`, None where absent; DataError otherwise."""
    if row.get(key) is None:
        return None
    try:
        array = np.asarray(row[key], np.float32)
    except (TypeError, ValueError):
        array = np.empty(0, np.float32)
    if array.shape != shape or not np.isfinite(array).all():
        raise DataError(f"{where}: `{key}` must be finite numbers of shape {shape}, got {str(row[key])[:60]}")
    return array


def _face(manifest: Path, number: int, row: dict[str, Any]) -> FaceSample:
    where = f"{manifest}, object {number}"
    name = row.get("image", row.get("file"))
    if not isinstance(name, str) or not name:
        raise DataError(f"{where}: needs `image` or `file`")
    box = numbers(row, "bbox_xyxy", (4,), where)
    if box is not None and not (box[2:] > box[:2]).all():
        raise DataError(f"{where}: `bbox_xyxy` must have x0 < x1 and y0 < y1, got {box.tolist()}")
    shape = numbers(row, "pts68", (68, 2), where)
    if box is None and shape is not None:
        box = box_of(shape)
    person = row.get("person")
    return FaceSample(name, manifest.parent / name, box, shape, person=None if person is None else str(person))
