"""`rdr avatar`."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated, Literal

import tyro

from avatar_bridge.cli.status import status_line
from avatar_bridge.errors import AvatarError


def avatar(
    action: Annotated[Literal["sheet", "export"], tyro.conf.Positional] = "sheet",
    sheet: Path = Path("out/expressions.png"),
    identities: int = 3,
    size: int = 200,
    yaw: float = 0.0,
    out: Path = Path("out/avatar.glb"),
    format: Literal["glb"] = "glb",
    names: Literal["facewarehouse", "arkit"] = "facewarehouse",
    user: str | None = None,
) -> None:
    """Draw the avatar's neutral face and its 46 expressions on a labelled sheet, or export it for other programs.

    Examples:
        rdr avatar
        rdr avatar --sheet out/turned.png --yaw 40
        rdr avatar export --format glb --out out/avatar.glb
        rdr avatar export --user anna --out out/anna.glb

    Args:
        action: sheet: the picture; export: the avatar at rest as a file, which the Blender add-on opens.
        sheet: The picture to write (.png).
        identities: How many faces beside each other; the first is the mean face.
        size: Side of one face, px.
        yaw: Turn the heads, degrees; over 0 they look to the right of the picture.
        out: The file to export to.
        format: glb: glTF 2.0, with a morph target for each shape.
        names: Whose shapes: facewarehouse (46) or arkit (52).
        user: With export: whose face it has, as calibrated with rdr calibrate; default: the mean face.
    """
    if action == "export":
        _export(out, format, names, user)
    elif user is not None:
        raise AvatarError("--user is for rdr avatar export")
    else:
        _draw(sheet, identities, size, yaw)


def _export(out: Path, format: str, names: str, user: str | None) -> None:
    if out.suffix.lower() != f".{format}":
        raise AvatarError(f"--out must end in .{format}, got {out.name}")
    from avatar_bridge.convert.gltf import write_avatar_glb
    from avatar_bridge.mapping_file import load_preset
    from avatar_bridge.user import user_avatar
    from calibration.store import UserStore
    from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

    shapes = BLENDSHAPE_NAMES if names == "facewarehouse" else load_preset(names).targets
    out.parent.mkdir(parents=True, exist_ok=True)
    write_avatar_glb(out, shapes, None if user is None else user_avatar(UserStore().load(user)))
    print(f"wrote {out}: {out.stat().st_size / 1e6:.1f} MB, {len(shapes)} shapes of {names}")


def _draw(sheet: Path, identities: int, size: int, yaw: float) -> None:
    if sheet.suffix.lower() != ".png":
        raise AvatarError(f"--sheet must end in .png, got {sheet.name}")
    if not abs(yaw) <= 90:
        raise AvatarError(f"--yaw must be -90 to 90 degrees, got {yaw}")
    import cv2

    from avatar_bridge.preview.sheet import LABELS, draw_sheet

    sheet.parent.mkdir(parents=True, exist_ok=True)
    with status_line(identities * len(LABELS)) as show:
        picture = draw_sheet(identities, size, math.radians(yaw), lambda label: show(1, f"drawing {label}"))
    temporary = sheet.with_name(f".{sheet.stem}.part.png")
    cv2.imwrite(str(temporary), picture)
    os.replace(temporary, sheet)
    print(f"wrote {sheet}: {picture.shape[1]} x {picture.shape[0]} px")
