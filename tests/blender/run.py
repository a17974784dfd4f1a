"""Runs the tests of the add-on with real Blenders: bpy from the package registry, each in a virtual environment.

    python tests/blender/run.py [--if-possible] [pytest arguments]

A Blender whose Python, or whose bpy, is not to be had is left out, and why is said; with --if-possible it is no failure
where that is so of all. The zip is built anew each time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Blender:
    """One of them."""

    version: str
    python: str
    requirements: tuple[str, ...]
    """pyzmq and msgpack are not among them: they come with the add-on."""

    @property
    def folder(self) -> Path:
        return ROOT / f".venv-blender{self.version.replace('.', '')}"

    @property
    def executable(self) -> Path:
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


TOOLS = ("pytest>=9.2", "pytest-timeout>=2.4", "hypothesis>=6.170")
BLENDERS = (
    Blender("4.2", "3.11", ("bpy==4.2.*", "numpy<2", *TOOLS)),
    Blender("5.2", "3.13", ("bpy==5.2.*", *TOOLS)),
)


def main(arguments: list[str]) -> int:
    """Run all; 1 where a test fails or nothing ran."""
    if_possible = "--if-possible" in arguments
    chosen = [argument for argument in arguments if argument != "--if-possible"]
    codes = {}
    for blender in BLENDERS:
        problem = prepare(blender)
        if problem:
            print(f"Blender {blender.version} is left out: {problem}", flush=True)
            continue
        zip_path = build()
        print(f"Blender {blender.version}", flush=True)
        codes[blender.version] = test(blender, zip_path, chosen)
    if not codes:
        print("No Blender could be tested.", file=sys.stderr)
        return 0 if if_possible else 1
    return 1 if any(codes.values()) else 0


def prepare(blender: Blender) -> str:
    """Make the environment where it is not there; return why that cannot be, or ""."""
    ready = blender.folder / ".ready"
    wanted = "\n".join(blender.requirements)
    if ready.exists() and ready.read_text(encoding="utf-8") == wanted:
        return ""
    python = find_python(blender.python)
    if python is None:
        return f"it needs Python {blender.python}, and none was found on the PATH or under pyenv"
    print(f"Setting up {blender.folder.name}: about a minute and 1 GB the first time", flush=True)
    install = [str(blender.executable), "-m", "pip", "install", "--quiet", *blender.requirements]
    for command in ([python, "-m", "venv", "--clear", str(blender.folder)], install):
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            return ((run.stderr + run.stdout).strip().splitlines() or [f"{command[2]} failed"])[-1]
    ready.write_text(wanted, encoding="utf-8")
    return ""


def find_python(version: str) -> str | None:
    """Return a Python of a version."""
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == version:
        return sys.executable
    pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    candidates = [str(pyenv[-1])] if pyenv else []
    candidates += [found] if (found := shutil.which(f"python{version}")) else []
    for candidate in candidates:
        probe = subprocess.run([candidate, "-c", "import sys; print(*sys.version_info[:2], sep='.')"],
                               capture_output=True, text=True, check=False)  # fmt: skip
        if probe.stdout.strip() == version:
            return candidate
    return None


def build() -> Path:
    """Build the zip for this machine with the program of this repository; return it."""
    code = "from avatar_bridge.cli import main; raise SystemExit(main())"
    arguments = ["addon", "build", "--platforms", "this", "--out", "build/addon"]
    subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, env=environment(), check=True)
    return next((ROOT / "build" / "addon").glob("*.zip"))


def test(blender: Blender, zip_path: Path, arguments: list[str]) -> int:
    """Run the tests of the add-on in one Blender; those of its core run again, with its Python and numpy."""
    command = [str(blender.executable), "-m", "pytest", *(arguments or ["tests/blender", "tests/blender_addon"])]
    added = {"RDR_ADDON_ZIP": str(zip_path), "RDR_PYTHON": sys.executable}
    return subprocess.run(command, cwd=ROOT, env=environment() | added, check=False).returncode


def environment() -> dict[str, str]:
    """Return the environment for what is run, with this repository's packages first."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
