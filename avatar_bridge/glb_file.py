"""Reads binary glTF 2.0 (.glb, and .vrm, which is one): its document, accessors, pictures and placed meshes.

The file is untrusted: every count is checked before anything is made of it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar_bridge.errors import AvatarError
from rdr_core.types import UInt8

MAX_FILE_BYTES: Final = 512 * 2**20
MAX_ITEMS: Final = 3_000_000
"""Numbers in rows of one accessor: a million triangles."""
MAX_TEXTURE_PX: Final = 2048
_MAX_NODES: Final = 10_000
_DTYPES: Final = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS: Final = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_JSON, _BINARY = 0x4E4F534A, 0x004E4942

Array = npt.NDArray[Any]


class GlbFile:
    """A glTF document and its one buffer. Its methods raise AvatarError, KeyError, IndexError, TypeError or ValueError
    where the file breaks the format."""

    def __init__(self, path: Path) -> None:
        """Read a file. Raises AvatarError where it is no whole .glb."""
        self.path = path
        try:
            size = path.stat().st_size
            content = path.read_bytes() if size <= MAX_FILE_BYTES else b""
        except OSError as error:
            raise AvatarError(f"cannot open the avatar {path}: {error.strerror}") from None
        if size > MAX_FILE_BYTES:
            raise AvatarError(f"{path}: {size / 2**20:.0f} MB; an avatar has at most {MAX_FILE_BYTES / 2**20:.0f} MB")
        self.document, self._binary = _chunks(content, path)

    def accessor(self, number: int) -> Array:
        """(n, components), numbers of normalized integers made 0..1 or -1..1, sparse ones filled in."""
        accessor = self.document["accessors"][number]
        count, width = int(accessor["count"]), _WIDTHS[accessor["type"]]
        if not 0 < count <= MAX_ITEMS:
            raise AvatarError(f"{self.path}: accessor {number} has {count} items; 1 to {MAX_ITEMS} can be drawn")
        dtype = np.dtype(_DTYPES[accessor["componentType"]])
        found = np.zeros((count, width), dtype)
        if "bufferView" in accessor:
            found[:] = self._rows(accessor["bufferView"], int(accessor.get("byteOffset", 0)), dtype, count, width)
        if "sparse" in accessor:
            self._fill(found, accessor["sparse"])
        if accessor.get("normalized") and dtype.kind in "iu":
            return np.maximum(found.astype(np.float32) / np.iinfo(dtype).max, -1)
        return found

    def texture(self, material: dict[str, Any]) -> UInt8 | None:
        """(H, W, 3) RGB base colour of a material, at most MAX_TEXTURE_PX wide and high; None where it has none."""
        reference = material.get("pbrMetallicRoughness", {}).get("baseColorTexture")
        if reference is None:
            return None
        image = self.document["images"][self.document["textures"][reference["index"]]["source"]]
        picture = cv2.imdecode(np.frombuffer(self._view(image["bufferView"]), np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise ValueError("a texture that is no JPEG or PNG")
        shrink = MAX_TEXTURE_PX / max(picture.shape)
        if shrink < 1:
            picture = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(picture[..., ::-1])

    def placed_meshes(self) -> Iterator[tuple[dict[str, Any], Array]]:
        """Yield each node with a mesh, and its (4, 4) place in the world, metres. A skinned one is placed by its bones,
        which at rest leave it where it is."""
        nodes = self.document.get("nodes", [])
        children = {child for node in nodes for child in node.get("children", [])}
        waiting = [(number, np.eye(4)) for number in range(len(nodes)) if number not in children]
        seen: set[int] = set()
        while waiting and len(seen) < _MAX_NODES:
            number, parent = waiting.pop(0)
            if number in seen:
                continue
            seen.add(number)
            node = nodes[number]
            world = parent @ _local(node)
            waiting.extend((child, world) for child in node.get("children", []))
            if "mesh" in node:
                yield node, np.eye(4) if "skin" in node else world

    def _fill(self, found: Array, sparse: dict[str, Any]) -> None:
        count, width = int(sparse["count"]), found.shape[1]
        if not 0 <= count <= len(found):
            raise ValueError("a sparse accessor with more items than the whole")
        if count:
            at, values = sparse["indices"], sparse["values"]
            dtype = np.dtype(_DTYPES[at["componentType"]])
            places = self._rows(at["bufferView"], int(at.get("byteOffset", 0)), dtype, count, 1)[:, 0]
            found[places] = self._rows(
                values["bufferView"], int(values.get("byteOffset", 0)), found.dtype, count, width
            )

    def _rows(self, view: int, offset: int, dtype: Any, count: int, width: int) -> Array:
        content = self._view(view)
        stride = int(self.document["bufferViews"][view].get("byteStride", dtype.itemsize * width))
        needed = offset + stride * (count - 1) + dtype.itemsize * width
        if offset < 0 or stride < dtype.itemsize * width or needed > len(content):
            raise ValueError(f"an accessor of {needed} bytes in a view of {len(content)}")
        return np.ndarray((count, width), dtype, content, offset, (stride, dtype.itemsize))

    def _view(self, number: int) -> bytes:
        view = self.document["bufferViews"][number]
        if "extensions" in view:
            raise ValueError("compressed buffers: export without compression")
        start, size = int(view.get("byteOffset", 0)), int(view["byteLength"])
        if view.get("buffer", 0) != 0 or start < 0 or size < 0 or start + size > len(self._binary):
            raise ValueError("a buffer view that reaches out of the file")
        return self._binary[start : start + size]


def _chunks(content: bytes, path: Path) -> tuple[dict[str, Any], bytes]:
    if len(content) < 20 or content[:4] != b"glTF":
        raise AvatarError(f"{path}: no binary glTF; export the avatar as .glb")
    version, size = struct.unpack_from("<II", content, 4)
    if version != 2:
        raise AvatarError(f"{path}: glTF version {version}; export version 2")
    if size > len(content):
        raise AvatarError(f"{path}: cut off after {len(content)} of {size} bytes; copy it again")
    chunks: dict[int, bytes] = {}
    at = 12
    while at + 8 <= size:
        length, kind = struct.unpack_from("<II", content, at)
        if at + 8 + length > size:
            raise AvatarError(f"{path}: a chunk reaches out of the file; export it again")
        chunks.setdefault(kind, content[at + 8 : at + 8 + length])
        at += 8 + length
    try:
        document = json.loads(chunks[_JSON].decode())
    except (KeyError, ValueError, RecursionError):
        raise AvatarError(f"{path}: its glTF document cannot be read; export it again") from None
    if not isinstance(document, dict):
        raise AvatarError(f"{path}: its glTF document is no object; export it again")
    return document, chunks.get(_BINARY, b"")


def _local(node: dict[str, Any]) -> Array:
    """(4, 4) place of a node in its parent."""
    if "matrix" in node:
        matrix = np.array(node["matrix"], np.float64).reshape(4, 4).T
    else:
        from scipy.spatial.transform import Rotation

        turn = Rotation.from_quat(np.array(node.get("rotation", (0, 0, 0, 1)), np.float64)).as_matrix()
        matrix = np.eye(4)
        matrix[:3, :3] = turn * np.array(node.get("scale", (1, 1, 1)), np.float64)
        matrix[:3, 3] = np.array(node.get("translation", (0, 0, 0)), np.float64)
    if not np.isfinite(matrix).all():
        raise ValueError("a node whose place is not finite")
    return matrix
