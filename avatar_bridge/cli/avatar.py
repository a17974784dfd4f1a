"""`rdr avatar`."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from avatar_bridge.cli.status import status_line
from avatar_bridge.errors import AvatarError

if TYPE_CHECKING:
    from avatar_bridge.avatar import Avatar


def avatar(
    action: Annotated[Literal["sheet", "export"], tyro.conf.Positional] = "sheet",
    sheet: Path = Path("out/expressions.png"),
    identities: int = 3,
    size: int = 200,
    yaw: float = 0.0,
    out: Path = Path("out/avatar.glb"),
    format: Literal["glb", "obj", "npz"] = "glb",
    names: Literal["facewarehouse", "arkit"] = "facewarehouse",
    user: str | None = None,
    avatar: Path | None = None,
) -> None:
    """Draw the avatar's neutral face and its 46 expressions on a labelled sheet, or export it for other programs.

    Examples:
        rdr avatar
        rdr avatar --sheet out/turned.png --yaw 40
        rdr avatar export --format glb --out out/avatar.glb
        rdr avatar export --user anna --out out/anna.glb
        rdr avatar export --format npz --out out/avatar.npz
        rdr avatar export --format obj --out out/avatar_obj

    Args:
        action: sheet: the picture; export: the avatar at rest as a file, which the Blender add-on opens.
        sheet: The picture to write (.png).
        identities: How many faces beside each other; the first is the mean face.
        size: Side of one face, px.
        yaw: Turn the heads, degrees; over 0 they look to the right of the picture.
        out: The file to export to; with --format obj a folder.
        format: glb: glTF 2.0, with a morph target for each shape; obj: shape_0.obj (at rest) to shape_46.obj; npz:
            without loss, for rdr preview --avatar and for numpy.
        names: With glb, whose shapes: facewarehouse (46) or arkit (52).
        user: With export: whose face and skin it has, as calibrated with rdr calibrate; default: the mean face.
        avatar: With export: an avatar of your own instead (.glb, .vrm, .npz, or a FaceWarehouse person's folder).
    """
    if action == "export":
        _export(out, format, names, open_avatar(avatar, user))
    elif user is not None or avatar is not None:
        raise AvatarError("--user and --avatar are for rdr avatar export")
    else:
        _draw(sheet, identities, size, yaw)


def open_avatar(path: Path | None, user: str | None) -> Avatar:
    """Return the avatar of a file or of a calibrated user, else the default one; what it lacks is printed."""
    if path is not None and user is not None:
        raise AvatarError("--avatar and --user each say whose face it is: give one of them")
    if path is not None:
        from avatar_bridge.avatar_file import load_avatar

        loaded = load_avatar(path)
        for problem in loaded.problems:
            print(f"{path.name}: {problem}")
        return loaded.avatar
    if user is not None:
        from avatar_bridge.user import user_avatar
        from calibration.store import UserStore

        return user_avatar(UserStore().load(user))
    from avatar_bridge.avatar import default_avatar

    return default_avatar()


def _export(out: Path, format: str, names: str, avatar: Avatar) -> None:
    ending = "" if format == "obj" else f".{format}"
    if out.suffix.lower() != ending:
        what = "be a folder, without an ending" if format == "obj" else f"end in {ending}"
        raise AvatarError(f"--out must {what}, got {out.name}")
    from avatar_bridge.avatar_file import write_avatar_npz, write_avatar_obj
    from avatar_bridge.convert.gltf import write_avatar_glb
    from avatar_bridge.mapping_file import load_preset
    from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

    if format != "glb":
        if names != "facewarehouse":
            raise AvatarError(f"--names {names} is for --format glb; {format} has FaceWarehouse's 46")
        (write_avatar_obj if format == "obj" else write_avatar_npz)(out, avatar)
        print(f"wrote {out}: {len(BLENDSHAPE_NAMES)} shapes of facewarehouse")
        return
    shapes = BLENDSHAPE_NAMES if names == "facewarehouse" else load_preset(names).targets
    write_avatar_glb(out, shapes, avatar)
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
