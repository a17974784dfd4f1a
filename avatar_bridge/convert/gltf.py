"""glTF 2.0 binary (.glb): the avatar with morph targets, driven by a track; keys lie at the capture times."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from avatar_bridge.avatar import Avatar
from avatar_bridge.convert.rig import MorphMesh, Motion, motion_of, rig_of
from avatar_bridge.errors import ConvertError
from avatar_bridge.tracks import FaceTrack
from rdr_core import __version__
from rdr_core.atomic import whole_file

Array = npt.NDArray[Any]
_METRES: Final = 0.01
"""glTF's unit, per cm; axes are the same as the model's."""
_FLOAT, _UNSIGNED_INT, _UNSIGNED_SHORT = 5126, 5125, 5123
_VERTICES, _INDICES = 34962, 34963
_TYPES: Final = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
_SPECULAR: Final = "KHR_materials_specular"
_XYZW: Final = [1, 2, 3, 0]
_MAX_BYTES: Final = 2**32 - 1


def write_glb(path: Path, track: FaceTrack, face: FaceTrack) -> None:
    """Write the avatar and its animation.

    track: weights of the targets, FaceWarehouse's or ARKit's; face: the same face with FaceWarehouse's, for the eyes.
    """
    scene = _Scene()
    meshes, motion = rig_of(track.names), motion_of(face)
    scene.add_head(meshes)
    scene.animate(meshes, track, motion)
    content = scene.glb()
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def write_avatar_glb(path: Path, names: tuple[str, ...], avatar: Avatar | None = None) -> None:
    """Write an avatar (None: the default one) at rest, to be driven elsewhere: targets of these names, FaceWarehouse's
    or ARKit's."""
    scene = _Scene()
    scene.add_head(rig_of(names, avatar))
    content = scene.glb()
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


class _Scene:
    """A glTF document and its one buffer."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.document: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": f"rdr-live {__version__}"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            **{name: [] for name in ("nodes", "meshes", "materials", "textures", "images", "accessors", "bufferViews")},
            "animations": [],
        }

    def add_head(self, meshes: tuple[MorphMesh, ...]) -> None:
        nodes = self.document["nodes"]
        nodes.append({"name": "Head", "children": list(range(1, len(meshes) + 1))})
        for mesh in meshes:
            node: dict[str, Any] = {"name": mesh.name, "mesh": self._add("meshes", self._mesh(mesh))}
            if mesh.pivot is not None:
                node["translation"] = (mesh.pivot.astype(float) * _METRES).tolist()
            nodes.append(node)

    def animate(self, meshes: tuple[MorphMesh, ...], track: FaceTrack, motion: Motion) -> None:
        self.document["animations"] = [{"name": "take", "channels": [], "samplers": []}]
        times = self._accessor(motion.seconds.astype(np.float32)[:, None], bounds=True)
        self._channel(times, 0, "rotation", motion.head[:, _XYZW])
        self._channel(times, 0, "translation", motion.position_cm * _METRES)
        for node, mesh in enumerate(meshes, start=1):
            if mesh.name in motion.eyes:
                self._channel(times, node, "rotation", motion.eyes[mesh.name][:, _XYZW])
            if mesh.targets:
                columns = [track.names.index(name) for name in mesh.targets]
                self._channel(times, node, "weights", track.weights[:, columns].reshape(-1, 1))

    def glb(self) -> bytes:
        document = {key: value for key, value in self.document.items() if value != []}
        document["buffers"] = [{"byteLength": len(self._buffer)}]
        text = json.dumps(document, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        size = 12 + 8 + len(text) + 8 + len(self._buffer)
        if size > _MAX_BYTES:
            raise ConvertError("the animation exceeds the 4 GB of a .glb: choose a shorter part or a lower --fps")
        head = struct.pack("<4sII", b"glTF", 2, size)
        return b"".join(
            (head, struct.pack("<I4s", len(text), b"JSON"), text)
            + (struct.pack("<I4s", len(self._buffer), b"BIN\0"), bytes(self._buffer))
        )

    def _mesh(self, mesh: MorphMesh) -> dict[str, Any]:
        attributes = {
            "POSITION": self._accessor(mesh.vertices * _METRES, _VERTICES, bounds=True),
            "NORMAL": self._accessor(mesh.normals, _VERTICES),
        }
        if mesh.uv is not None:
            attributes["TEXCOORD_0"] = self._accessor(mesh.uv, _VERTICES)
        if mesh.colors is not None:
            attributes["COLOR_0"] = self._accessor(mesh.colors, _VERTICES)
        primitive: dict[str, Any] = {
            "attributes": attributes,
            "indices": self._accessor(mesh.triangles.reshape(-1, 1).astype(np.uint32), _INDICES),
            "material": self._add("materials", self._material(mesh)),
        }
        made: dict[str, Any] = {"name": mesh.name, "primitives": [primitive]}
        if mesh.targets:
            primitive["targets"] = [{"POSITION": self._sparse(offsets * _METRES)} for offsets in mesh.targets.values()]
            made |= {"weights": [0.0] * len(mesh.targets), "extras": {"targetNames": list(mesh.targets)}}
        return made

    def _material(self, mesh: MorphMesh) -> dict[str, Any]:
        surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": mesh.roughness}
        if mesh.texture is not None:
            view = self._view(mesh.texture)
            image = self._add("images", {"bufferView": view, "mimeType": mesh.texture_type, "name": mesh.name})
            surface["baseColorTexture"] = {"index": self._add("textures", {"source": image})}
        material: dict[str, Any] = {"name": mesh.name, "pbrMetallicRoughness": surface}
        if mesh.specular != 1:
            self.document["extensionsUsed"] = [_SPECULAR]
            material["extensions"] = {_SPECULAR: {"specularFactor": mesh.specular}}
        return material

    def _channel(self, times: int, node: int, path: str, values: Array) -> None:
        animation = self.document["animations"][0]
        animation["samplers"].append({"input": times, "output": self._accessor(values.astype(np.float32))})
        target = {"node": node, "path": path}
        animation["channels"].append({"sampler": len(animation["samplers"]) - 1, "target": target})

    def _accessor(self, values: Array, target: int | None = None, bounds: bool = False) -> int:
        """Add (n, components) float32 or uint32 values."""
        values = values if values.dtype == np.uint32 else values.astype(np.float32)
        accessor: dict[str, Any] = {
            "bufferView": self._view(values.tobytes(), target),
            "componentType": _UNSIGNED_INT if values.dtype == np.uint32 else _FLOAT,
            "count": len(values),
            "type": _TYPES[values.shape[1]],
        }
        return self._add("accessors", accessor | (_bounds(values) if bounds else {}))

    def _sparse(self, offsets: Array) -> int:
        """Add (V, 3) offsets of which most are 0."""
        offsets = offsets.astype(np.float32)
        moved = np.flatnonzero(offsets.any(axis=1))
        small = len(offsets) <= 0xFFFF
        indices = {
            "bufferView": self._view(moved.astype(np.uint16 if small else np.uint32).tobytes()),
            "componentType": _UNSIGNED_SHORT if small else _UNSIGNED_INT,
        }
        values = {"bufferView": self._view(offsets[moved].tobytes())}
        accessor = {"componentType": _FLOAT, "count": len(offsets), "type": "VEC3", **_bounds(offsets)}
        return self._add(
            "accessors", accessor | {"sparse": {"count": len(moved), "indices": indices, "values": values}}
        )

    def _view(self, content: bytes, target: int | None = None) -> int:
        self._buffer += bytes(-len(self._buffer) % 4)
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self._buffer), "byteLength": len(content)}
        self._buffer += content
        self._buffer += bytes(-len(self._buffer) % 4)
        return self._add("bufferViews", view | ({} if target is None else {"target": target}))

    def _add(self, kind: str, item: dict[str, Any]) -> int:
        self.document[kind].append(item)
        return len(self.document[kind]) - 1


def _bounds(values: Array) -> dict[str, list[float]]:
    return {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
