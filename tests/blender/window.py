"""A real Blender window without a display: the add-on is installed, Connect is pressed, pictures are taken. No gate.

    python tests/blender/window.py --blender /usr/bin/blender --out out/blender

Needs xvfb-run and a Blender with a window; bpy from the package registry has none. One older than 4.2 knows no
extensions: the zip is then put among its add-ons by hand, with the wheels on the path, so that the panels can be
looked at all the same.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FAKE = "from avatar_bridge.cli import main; raise SystemExit(main())"


def main() -> int:
    """Open the window; return what Blender returns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", default=shutil.which("blender"), help="the program")
    parser.add_argument("--out", type=Path, default=Path("out/blender"), help="folder for the pictures")
    parser.add_argument("--endpoint", default="tcp://127.0.0.1:5599", help="where the made-up face is published")
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 860), help="of the window, px")
    parser.add_argument("--unfold", nargs="*", default=[], help="panels to unfold, such as mapping and head")
    parser.add_argument("--rate", default="15", help="frames a second; software OpenGL draws 5 to 15")
    arguments = parser.parse_args()
    if not arguments.blender or not shutil.which("xvfb-run"):
        parser.error("a Blender with a window, and xvfb-run, are needed: on Debian, apt install blender xvfb")
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for words in (["addon", "build", "--platforms", "this", "--out", "build/addon"],
                  ["avatar", "export", "--out", str(out / "avatar.glb")]):  # fmt: skip
        subprocess.run([sys.executable, "-c", FAKE, *words], cwd=ROOT, env=environment, check=True)
    (zip_path,) = (ROOT / "build" / "addon").glob("*.zip")
    made_up = ["fake", "--rate", arguments.rate, "--endpoint", arguments.endpoint]
    fake = subprocess.Popen([sys.executable, "-c", FAKE, *made_up], env=environment)
    try:
        told = {"RDR_ENDPOINT": arguments.endpoint, "RDR_OUT": str(out), "RDR_UNFOLD": " ".join(arguments.unfold)}
        with tempfile.TemporaryDirectory(prefix="rdr_window_") as user:
            return _open(arguments.blender, zip_path, Path(user), arguments.size, told)
    finally:
        fake.terminate()
        fake.wait()


def _open(blender: str, zip_path: Path, user: Path, size: list[int], told: dict[str, str]) -> int:
    scripts = user / "scripts"
    addon, wheels = scripts / "addons" / "rdr_live", user / "wheels"
    addon.mkdir(parents=True)
    version = subprocess.run([blender, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    is_old = tuple(int(part) for part in version.split(".")[:2]) < (4, 2)
    if is_old:
        with zipfile.ZipFile(zip_path) as archive:
            archive.extractall(addon)
        with (addon / "__init__.py").open("a", encoding="utf-8") as file:
            file.write('\nbl_info = {"name": "RDR Live", "blender": (3, 4, 0)}  # add-ons of old have it\n')
        for wheel in (addon / "wheels").glob("*cp311*"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(wheels)
    window = ["--window-geometry", "0", "0", *map(str, size), "--no-window-focus"]
    command = [blender, "--factory-startup", *window, "--python", str(Path(__file__).with_name("in_window.py"))]
    display = f"-screen 0 {size[0]}x{size[1]}x24"
    environment = {
        "BLENDER_USER_RESOURCES": str(user),
        "BLENDER_USER_SCRIPTS": str(scripts),
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "RDR_ADDON_ZIP": "" if is_old else str(zip_path),
        "RDR_WHEELS": str(wheels),
    }
    run = subprocess.run(
        ["xvfb-run", "-a", "-s", display, *command], env=os.environ | environment | told, timeout=180, check=False
    )
    return run.returncode


if __name__ == "__main__":
    raise SystemExit(main())
