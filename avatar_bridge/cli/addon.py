"""`rdr addon`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

PlatformName = Literal["all", "this", "linux-x64", "macos-arm64", "macos-x64", "windows-arm64", "windows-x64"]


def addon(
    action: Annotated[Literal["build"], tyro.conf.Positional],
    out: Path = Path("dist"),
    platforms: tuple[PlatformName, ...] = ("all",),
    wheels: Path = Path("build/wheels"),
    blender_ext: Path | None = None,
) -> None:
    """Build the Blender add-on: one zip for each platform, with everything it needs inside.

    In Blender 4.2 or newer: Preferences > Get Extensions > Install from Disk, and choose the zip.

    Examples:
        rdr addon build
        rdr addon build --platforms this
        rdr addon build --platforms linux-x64 windows-x64 --out dist

    Args:
        action: build.
        out: Folder for the zips.
        platforms: Which; this: that of this machine.
        wheels: Where the wheels that pip fetches are kept for the next time.
        blender_ext: Blender's blender_ext.py to validate with; without it that of a bpy in .venv-blender*, if any.
    """
    from avatar_bridge.addon_build import PLATFORMS, build_addon, this_platform

    chosen = dict.fromkeys(
        name
        for platform in platforms
        for name in (PLATFORMS if platform == "all" else [this_platform() if platform == "this" else platform])
    )
    for built in build_addon(out, chosen, wheels, blender_ext):
        size_mb = built.path.stat().st_size / 1e6
        checked = "validated" if built.validated else "not validated: no Blender tool here, see --blender-ext"
        print(f"wrote {built.path}: {size_mb:.1f} MB, {len(built.wheels)} wheels, {checked}")
