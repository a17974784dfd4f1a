"""Faces and rigs made up for tests, and where Blender says that their vertices are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np


def empty_scene() -> None:
    """Remove everything but the add-on, and make its settings those of a new file."""
    live = bpy.context.scene.rdr_live
    for item in live.bl_rna.properties:
        live.property_unset(item.identifier)
    editor = bpy.context.scene.sequence_editor
    strips = editor and (editor.strips if hasattr(editor, "strips") else editor.sequences)
    for strip in list(strips or ()):
        strips.remove(strip)
    for name in ("objects", "meshes", "armatures", "actions", "cameras", "lights"):
        items = getattr(bpy.data, name)
        for item in list(items):
            items.remove(item)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 30, 1.0
    scene.frame_set(1)


def face_mesh(name: str, keys: list[str], seed: int = 1, vertices: int = 12) -> Any:
    """Return a mesh object whose shape keys move its vertices by known offsets."""
    chance = np.random.default_rng(seed)
    mesh = bpy.data.meshes.new(name)
    places = chance.uniform(-1, 1, (vertices, 3))
    mesh.from_pydata(places.tolist(), [], [(i, (i + 1) % vertices, (i + 2) % vertices) for i in range(vertices)])
    item = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(item)
    item.shape_key_add(name="Basis")
    for key in keys:
        block = item.shape_key_add(name=key, from_mix=False)
        block.value = 0.0  # since 5.0 a new one begins at 1
        offsets = chance.normal(0, 0.1, (vertices, 3))
        block.data.foreach_set("co", (places + offsets).astype(np.float32).ravel())
    return item


def offsets_of(item: Any) -> dict[str, np.ndarray]:
    """Return what each shape key adds to the vertices."""
    found = {}
    for key in item.data.shape_keys.key_blocks:
        places = np.empty(3 * len(item.data.vertices), np.float32)
        key.data.foreach_get("co", places)
        found[key.name] = places.reshape(-1, 3)
    basis = found.pop("Basis")
    return {name: places - basis for name, places in found.items()} | {"": basis}


def evaluated_vertices(item: Any) -> np.ndarray:
    """Return where the vertices are when everything is evaluated."""
    mesh = item.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    places = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", places)
    found: np.ndarray = places.reshape(-1, 3)
    return found


def armature_with_head() -> Any:
    """Return an armature of a body and a head bone that is turned oddly, under a turned object."""
    data = bpy.data.armatures.new("Rig")
    rig = bpy.data.objects.new("Rig", data)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    body = data.edit_bones.new("body")
    body.head, body.tail = (0, 0, 0), (0.1, 0.2, 1.0)
    body.roll = 0.4
    head = data.edit_bones.new("Head")
    head.head, head.tail = (0.1, 0.2, 1.2), (0.3, 0.1, 1.5)
    head.roll, head.parent = 1.1, body
    jaw = data.edit_bones.new("jaw")
    jaw.head, jaw.tail = (0.1, 0.1, 1.2), (0.1, -0.1, 1.1)
    jaw.parent = head
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.rotation_euler = (0.1, -0.2, 0.9)
    return rig


def select(*items: Any) -> None:
    """Select these objects and nothing else."""
    bpy.ops.object.select_all(action="DESELECT")
    for item in items:
        item.select_set(True)
    bpy.context.view_layer.objects.active = items[0]


def add_character(*items: Any) -> Any:
    """Select objects and press Add from Selection."""
    select(*items)
    assert bpy.ops.rdr_live.add_character() == {"FINISHED"}
    live = bpy.context.scene.rdr_live
    return live.characters[live.character_index]


def workbench_picture(path: Path, item: Any, size_px: int = 240, distance: float = 0.9) -> np.ndarray:
    """Render an object from its front with Workbench; return (H, W, 4) in 0..1, the lowest row first."""
    scene = bpy.context.scene
    if scene.camera is None:
        scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
        scene.collection.objects.link(scene.camera)
        scene.camera.data.lens = 85
    scene.camera.location, scene.camera.rotation_euler = (0, -distance, -0.02), (np.pi / 2, 0, 0)
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.display.shading.light, scene.display.shading.color_type = "STUDIO", "TEXTURE"
    scene.render.resolution_x = scene.render.resolution_y = size_px
    scene.render.resolution_percentage = 100
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    pixels = np.empty(4 * size_px * size_px, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    picture: np.ndarray = pixels.reshape(size_px, size_px, 4)
    return picture
