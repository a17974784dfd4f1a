"""The layers of docs/architecture.md, read from the source with `ast`: who may import whom, and what needs no torch.

import-linter checks the same contracts over chains of imports (pyproject.toml); this test names the offending line.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("rdr_core", "calibration", "avatar_bridge", "blender_addon")

RDR_CORE_LAYERS = (
    {"types", "errors", "config", "landmarks", "atomic", "interrupt"},
    {"geometry"},
    {"face_model"},
    {"modeling", "fitting", "data", "synthesis"},
    {"training", "inference", "evaluation"},
    {"cli"},
)
"""Lowest first; a part imports its own layer and those below it."""
ADDON_CORE_MAY_IMPORT = {"numpy", "zmq", "msgpack", "blender_addon"} | set(sys.stdlib_module_names)
CALIBRATION_PUBLIC = (
    "adapt",
    "adapted",
    "replay",
    "sitting",
    "teacher",
    "errors",
    "user_model",
    "store",
    "tracking",
    "online",
    "observation",
    "poses",
    "session",
    "calibrate",
)
"""What avatar_bridge may know of calibration; how identity is fitted is not its business."""
TORCH_FREE = ("avatar_bridge", "blender_addon", "rdr_core.inference.onnx_runtime", "rdr_core.inference.detector")


@dataclass(frozen=True)
class Import:
    """One imported module and the place of the import."""

    importer: str
    imported: str
    where: str
    """file:line, as editors and terminals make it clickable."""


def imports_of(path: Path, root: Path = ROOT) -> Iterator[Import]:
    """Yield every import of a file, also those inside functions, but not those for type checkers only."""
    parts = path.relative_to(root).with_suffix("").parts
    package = parts[:-1]
    importer = ".".join(package if parts[-1] == "__init__" else parts)
    for node in _without_type_checking(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (base, node.module) if part)
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield Import(importer, name, f"{path.relative_to(root)}:{node.lineno}")


def _without_type_checking(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from _without_type_checking(child)


def project_imports(root: Path = ROOT) -> list[Import]:
    return [
        found
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
        for found in imports_of(path, root)
    ]


def inside(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def core_part(module: str) -> str:
    """Return the part of rdr_core that a module belongs to: rdr_core.geometry.rotation -> geometry; "" for rdr_core."""
    return module.split(".")[1] if "." in module else ""


def core_layer(module: str) -> int | None:
    """Return the layer of a module of rdr_core, 0 the lowest; None for the package itself."""
    return next((layer for layer, names in enumerate(RDR_CORE_LAYERS) if core_part(module) in names), None)


def breach(found: Import) -> str | None:
    """Return which rule an import breaks, or None."""
    importer, imported = found.importer, found.imported
    source, target = importer.split(".")[0], imported.split(".")[0]
    if any(inside(importer, name) for name in TORCH_FREE) and target == "torch":
        return "works without torch"
    if source != target and target in PACKAGES:
        return cross_package_breach(importer, imported)
    if inside(importer, "blender_addon.core") and target not in ADDON_CORE_MAY_IMPORT:
        return "the add-on's core imports the standard library, numpy, zmq and msgpack only"
    if (
        inside(importer, "blender_addon.core")
        and target == "blender_addon"
        and not inside(imported, "blender_addon.core")
    ):
        return "the add-on's core is its lowest layer"
    if source == target == "rdr_core":
        return core_breach(importer, imported)
    return None


def cross_package_breach(importer: str, imported: str) -> str | None:
    source, target = importer.split(".")[0], imported.split(".")[0]
    if any(part.startswith("_") and not part.startswith("__") for part in imported.split(".")):
        return "a package uses the public names of another"
    if source == "blender_addon":
        return "the add-on imports none of the other packages"
    if source == "avatar_bridge" and target == "calibration":
        public = any(inside(imported, f"calibration.{name}") for name in CALIBRATION_PUBLIC)
        return (
            None if public else "avatar_bridge knows calibration's sessions, user models, tracking and adaptation only"
        )
    if (source, target) in {("avatar_bridge", "rdr_core"), ("calibration", "rdr_core")}:
        return None
    return f"{source} is below {target}"


def core_breach(importer: str, imported: str) -> str | None:
    if {core_part(importer), core_part(imported)} == {"modeling", "fitting"}:
        return "modeling and fitting do not know each other"
    lower, upper = core_layer(importer), core_layer(imported)
    if lower is not None and upper is not None and upper > lower:
        return "a lower layer does not import a higher one"
    return None


def test_no_import_crosses_the_layers() -> None:
    found = [(item, breach(item)) for item in project_imports()]
    assert found, "no imports found: is this the repository?"
    broken = [f"{item.where}: {item.importer} imports {item.imported}: {rule}" for item, rule in found if rule]
    assert not broken, "\n".join(broken)


def test_every_part_of_rdr_core_has_a_layer() -> None:
    parts = {
        path.relative_to(ROOT / "rdr_core").parts[0].removesuffix(".py") for path in (ROOT / "rdr_core").rglob("*.py")
    }
    unknown = parts - set().union(*RDR_CORE_LAYERS) - {"__init__", "__main__"}
    assert not unknown, f"say in which layer {sorted(unknown)} are: here, in pyproject.toml and in docs/architecture.md"


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("rdr_core/geometry/x.py", "from rdr_core.face_model import y", "a lower layer does not import a higher one"),
        ("rdr_core/geometry/x.py", "from ..face_model import y", "a lower layer does not import a higher one"),
        ("rdr_core/types.py", "from . import geometry", "a lower layer does not import a higher one"),
        (
            "rdr_core/fitting/x.py",
            "def f():\n    import rdr_core.modeling.rdr",
            "modeling and fitting do not know each other",
        ),
        ("rdr_core/data/x.py", "import avatar_bridge.codec", "rdr_core is below avatar_bridge"),
        ("calibration/x.py", "import avatar_bridge.codec", "calibration is below avatar_bridge"),
        ("calibration/x.py", "from rdr_core.fitting.pose import _solve", "a package uses the public names of another"),
        ("avatar_bridge/x.py", "import torch.nn", "works without torch"),
        (
            "avatar_bridge/x.py",
            "from calibration import identity",
            "avatar_bridge knows calibration's sessions, user models, tracking and adaptation only",
        ),
        ("blender_addon/bl/x.py", "from rdr_core import types", "the add-on imports none of the other packages"),
        (
            "blender_addon/core/x.py",
            "import bpy",
            "the add-on's core imports the standard library, numpy, zmq and msgpack only",
        ),
        ("blender_addon/core/x.py", "from ..bl import rig", "the add-on's core is its lowest layer"),
        ("rdr_core/training/x.py", "from rdr_core.inference import predictor\nimport torch", None),
        ("rdr_core/geometry/__init__.py", "from .rotation import f\nfrom ..types import Pose", None),
        ("avatar_bridge/x.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch", None),
        ("blender_addon/core/x.py", "import json, msgpack\nfrom . import protocol", None),
    ],
)
def test_the_rules_themselves(tmp_path: Path, file: str, line: str, rule: str | None) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(line + "\n", encoding="utf-8")
    broken = {breach(item) for item in imports_of(path, tmp_path)} - {None}
    assert broken == ({rule} if rule else set())


def modules_of_live_tracking() -> list[str]:
    """Parts for machines without torch: the bridge (the preview has an extra of its own) and what it stands on."""
    bridge = [path for path in (ROOT / "avatar_bridge").rglob("*.py") if "preview" not in path.parts]
    core = [path for part in ("geometry", "face_model") for path in (ROOT / "rdr_core" / part).rglob("*.py")]
    names = ("onnx_runtime.py", "detector.py", "tracker.py", "weights.py", "images.py")
    runtime = [ROOT / "rdr_core/inference" / name for name in names]
    found = [path for path in bridge + core + runtime if path.exists() and path.stem != "__main__"]  # that would run
    files = [path.relative_to(ROOT).with_suffix("") for path in found]
    return sorted(".".join(file.parts).removesuffix(".__init__") for file in files)


def test_live_tracking_imports_without_torch() -> None:
    modules = modules_of_live_tracking()
    assert modules, "nothing to import"
    program = f"import sys; sys.modules['torch'] = None; import {', '.join(modules)}"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
