"""`rdr avatar`."""

from __future__ import annotations

import math
import os
from pathlib import Path

from avatar_bridge.cli.status import status_line
from avatar_bridge.errors import AvatarError


def avatar(sheet: Path = Path("out/expressions.png"), identities: int = 3, size: int = 200, yaw: float = 0.0) -> None:
    """Draw the avatar's neutral face and its 46 expressions, each at full strength, on a labelled sheet.

    Examples:
        rdr avatar
        rdr avatar --sheet out/turned.png --yaw 40

    Args:
        sheet: The picture to write (.png).
        identities: How many faces beside each other; the first is the mean face.
        size: Side of one face, px.
        yaw: Turn the heads, degrees; over 0 they look to the right of the picture.
    """
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
