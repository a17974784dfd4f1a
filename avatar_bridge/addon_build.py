"""Building the Blender add-on: one zip for each platform, with the wheels that it needs inside.

Blender installs them with the add-on, so users need neither pip nor rights. Wheels are fetched here, by pip, and never
committed.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from avatar_bridge.errors import AddonError
from rdr_core.atomic import whole_file

REQUIREMENTS: Final = ("pyzmq==27.3.0", "msgpack==1.2.4")
PYTHONS: Final = ("3.11", "3.13", "3.14")
"""Of Blender 4.2 to 5.0, of 5.1 and 5.2, and the next one."""
PLATFORMS: Final = {
    "linux-x64": ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_26_x86_64", "manylinux_2_28_x86_64"),
    "macos-arm64": ("macosx_11_0_arm64", "macosx_10_15_universal2", "macosx_11_0_universal2"),
    "macos-x64": ("macosx_10_15_x86_64", "macosx_10_13_x86_64", "macosx_10_9_x86_64", "macosx_10_15_universal2"),
    "windows-arm64": ("win_arm64",),
    "windows-x64": ("win_amd64",),
}
"""Blender's name of a platform -> what wheels for it are called."""
_MARK: Final = "# rdr addon build puts platforms and wheels here\n"
_LEFT_OUT: Final = ("__pycache__", "wheels")
_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""Of every file in a zip: the same sources make the same bytes."""
_TOOL: Final = ".venv-blender*/lib/python*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"


@dataclass(frozen=True, slots=True)
class BuiltAddon:
    """A zip."""

    path: Path
    platform: str
    wheels: tuple[str, ...]
    validated: bool
    """By Blender's own extension tool."""


def this_platform() -> str:
    """Return Blender's name of this machine's platform."""
    systems = {"Linux": "linux", "Darwin": "macos", "Windows": "windows"}
    machines = {"x86_64": "x64", "AMD64": "x64", "arm64": "arm64", "aarch64": "arm64", "ARM64": "arm64"}
    name = f"{systems.get(platform.system(), '?')}-{machines.get(platform.machine(), '?')}"
    if name not in PLATFORMS:
        raise AddonError(f"no add-on is built for {platform.system()} on {platform.machine()}: there are {_listed()}")
    return name


def build_addon(out: Path, platforms: Iterable[str], wheels: Path, tool: Path | None = None) -> list[BuiltAddon]:
    """Build the zips into a folder; wheels: where those that were fetched are kept for the next time.

    tool: Blender's blender_ext.py, to validate with; None: that of a bpy beside, where there is one.
    """
    source = _source()
    tool = tool or next(iter(sorted(Path.cwd().glob(_TOOL), reverse=True)), None)
    built = []
    for name in platforms:
        if name not in PLATFORMS:
            raise AddonError(f"there is no platform {name!r}: there are {_listed()}")
        fetched = fetch_wheels(wheels / name, PLATFORMS[name])
        path = _write_zip(source, out, name, fetched, tool)
        built.append(BuiltAddon(path, name, tuple(wheel.name for wheel in fetched), tool is not None))
    return built


def fetch_wheels(folder: Path, tags: Sequence[str]) -> list[Path]:
    """Return the wheels for a platform, fetched by pip where they are not in the folder yet."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = set()
    for requirement in REQUIREMENTS:
        for python in PYTHONS:
            found = _in_folder(folder, requirement, python) or _fetch(folder, requirement, python, tags)
            wanted.add(found)
    return sorted(wanted)


def validate(path: Path, tool: Path) -> None:
    """Have Blender's extension tool look at a zip. Raises AddonError with what it says."""
    run = subprocess.run(
        [sys.executable, str(tool), "validate", str(path)], capture_output=True, text=True, timeout=120, check=False
    )
    if run.returncode != 0:
        raise AddonError(f"Blender would not take {path.name}: {(run.stdout + run.stderr).strip()[-300:]}")


def _source() -> Path:
    spec = find_spec("blender_addon")
    if spec is None or spec.origin is None:
        raise AddonError("the add-on's sources are not installed: run this in a clone of the repository")
    return Path(spec.origin).parent


def _in_folder(folder: Path, requirement: str, python: str) -> Path | None:
    """Return a wheel of before that fits: one for just this Python, or a stable one for an older."""
    project, _, version = requirement.partition("==")
    minor = int(python.partition(".")[2])
    for path in sorted(folder.glob(f"{project}-{version}-*.whl")):
        tag, abi = path.name.split("-")[2:4]
        if tag == f"cp3{minor}" or (abi == "abi3" and int(tag.removeprefix("cp3")) <= minor):
            return path
    return None


def _fetch(folder: Path, requirement: str, python: str, tags: Sequence[str]) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--implementation", "cp", "--python-version", python, "--dest", str(folder), requirement]
    for tag in tags:
        command += ["--platform", tag]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    path = _in_folder(folder, requirement, python)
    if run.returncode != 0 or path is None:
        why = (run.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise AddonError(f"cannot fetch {requirement} for Python {python}, {tags[0]}: {why:.200}")
    return path


def _write_zip(source: Path, out: Path, name: str, wheels: Sequence[Path], tool: Path | None) -> Path:
    manifest = (source / "blender_manifest.toml").read_text(encoding="utf-8")
    if _MARK not in manifest:
        raise AddonError("blender_manifest.toml lacks the line that platforms and wheels are put at")
    listed = "".join(f'  "./wheels/{wheel.name}",\n' for wheel in wheels)
    manifest = manifest.replace(_MARK, f'platforms = ["{name}"]\nwheels = [\n{listed}]\n')
    facts = tomllib.loads(manifest)
    path = out / f"{facts['id']}-{facts['version']}-{name}.zip"
    with whole_file(path) as temporary:
        with zipfile.ZipFile(temporary, "w") as archive:
            _add(archive, "blender_manifest.toml", manifest.encode())
            for file in _files(source):
                _add(archive, file.relative_to(source).as_posix(), file.read_bytes())
            for licence in ("LICENSE", "NOTICE"):
                if (source.parent / licence).exists():
                    _add(archive, licence, (source.parent / licence).read_bytes())
            for wheel in wheels:
                _add(archive, f"wheels/{wheel.name}", wheel.read_bytes(), zipfile.ZIP_STORED)
        if tool is not None:
            validate(temporary, tool)
    return path


def _files(source: Path) -> list[Path]:
    """Return what belongs into a zip, but for the manifest."""
    found = [path for path in sorted(source.rglob("*")) if path.suffix in (".py", ".json")]
    return [path for path in found if not set(_LEFT_OUT) & set(path.relative_to(source).parts)]


def _add(archive: zipfile.ZipFile, name: str, data: bytes, compression: int = zipfile.ZIP_DEFLATED) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type = compression
    info.external_attr = 0o644 << 16
    archive.writestr(info, data)


def _listed() -> str:
    return ", ".join(PLATFORMS)
