"""The built zip, installed and enabled in a real Blender with a user folder of its own; a publisher; a character.

Everything is skipped, without a word, where there is no bpy: `make test-blender` runs it where there is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
USER_FOLDER = tempfile.TemporaryDirectory(prefix="rdr_blender_")
os.environ["BLENDER_USER_RESOURCES"] = USER_FOLDER.name  # read when bpy is imported

try:
    import bpy
except ImportError:
    collect_ignore_glob = ["test_*.py"]
else:
    import numpy as np

PACKAGE = "bl_ext.user_default.rdr_live"


def install() -> None:
    """Install and enable the zip, as a user does."""
    zip_path = os.environ.get("RDR_ADDON_ZIP")
    if not zip_path:
        raise pytest.UsageError("RDR_ADDON_ZIP is not set: run make test-blender")
    done = bpy.ops.extensions.package_install_files(filepath=zip_path, repo="user_default", enable_on_install=True)
    assert done == {"FINISHED"}, done
    assert PACKAGE in bpy.context.preferences.addons


if "bpy" in sys.modules:
    install()  # before the tests of the core are collected, too: zmq and msgpack come with the add-on


def part(name: str) -> Any:
    """Return a module of the installed add-on."""
    return import_module(f"{PACKAGE}.{name}")


@pytest.fixture
def addon() -> Iterator[Callable[[str], Any]]:
    """Return `part`, in an empty scene; the stream ends with the test."""
    _empty_scene()
    yield part
    part("bl.live").disconnect()


def _empty_scene() -> None:
    """Remove everything but the add-on."""
    live = bpy.context.scene.rdr_live
    live.characters.clear()
    live.takes.clear()
    for name in ("objects", "meshes", "armatures", "actions", "cameras", "lights"):
        items = getattr(bpy.data, name)
        for item in list(items):
            items.remove(item)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 30, 1.0
    scene.frame_set(1)


class PublisherProcess:
    """tests/blender/publisher.py under the tracker's own Python."""

    def __init__(self, *arguments: str) -> None:
        python = os.environ["RDR_PYTHON"]
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name("publisher.py")), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.endpoint = self._process.stdout.readline().strip()
        assert self.endpoint.startswith("tcp://"), "the publisher did not start"

    def tell(self, command: str) -> None:
        """Have something done, and wait until it is."""
        self.begin(command)
        self.wait()

    def begin(self, command: str) -> None:
        """Have something done."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def wait(self) -> None:
        """Wait for what was begun."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "done\n"

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()


@pytest.fixture(scope="session")
def publisher_process() -> Iterator[PublisherProcess]:
    """One publisher for all tests: starting one takes a second."""
    process = PublisherProcess()
    yield process
    process.close()


@pytest.fixture
def publisher(publisher_process: PublisherProcess, request: pytest.FixtureRequest) -> PublisherProcess:
    """Return the publisher, in a session of its own."""
    name = "".join(letter for letter in request.node.name if letter.isalnum())[:40]
    publisher_process.tell(f"session {name}")
    return publisher_process


def connect(publisher: PublisherProcess) -> Any:
    """Connect as the button does, and wait until the publisher knows."""
    preferences = bpy.context.preferences.addons[PACKAGE].preferences
    preferences.address = publisher.endpoint
    assert bpy.ops.rdr_live.connect() == {"FINISHED"}
    publisher.tell("wait")
    return part("bl.live").session()


def tick_until(enough: Callable[[], bool], seconds: float = 20.0) -> None:
    """Tick, as the timer would, until something is so."""
    tick = part("bl.live").tick
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert tick() is not None
        if enough():
            return
        time.sleep(0.004)
    raise AssertionError("it did not come to be")


def tick_frames(count: int) -> None:
    """Tick until so many face frames have come in all."""
    live = part("bl.live")
    tick_until(lambda: live.stats().frames >= count)


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
