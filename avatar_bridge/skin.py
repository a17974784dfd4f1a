"""Derive the shipped skin from a VALID atlas (MIT): `python -m avatar_bridge.skin`.

The default face model's texture coordinates point into the atlases. What lies outside the charts that it uses is filled
with the nearest colour inside, so that bilinear sampling and mipmaps bleed no foreign colour in at the seams.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import cv2
import numpy as np

from avatar_bridge.avatar import SKIN
from avatar_bridge.errors import AvatarError, BridgeError
from rdr_core.face_model.dynamic_expression_model import default_face_model
from rdr_core.types import Float32, UInt8

_MARGIN_PX = 3
"""Pixels at the rim of a chart that already mix with what is beside it."""


def chart_mask(triangle_uv: Float32, size: int) -> UInt8:
    """(T, 3, 2) corner coordinates -> (size, size) mask, 255 well inside the charts."""
    mask = np.zeros((size, size), np.uint8)
    for corners in (triangle_uv * size).round().astype(np.int32):
        cv2.fillConvexPoly(mask, corners, 255)
    return cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=_MARGIN_PX)


def fill_outside(image: UInt8, mask: UInt8) -> UInt8:
    """Give every pixel outside the mask the colour of the nearest one inside."""
    _, labels = cv2.distanceTransformWithLabels(255 - mask, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    inside = mask > 0
    colors = np.zeros((labels.max() + 1, 3), np.uint8)
    colors[labels[inside]] = image[inside]
    return np.where(inside[..., None], image, colors[labels])


def bake(atlas: Path, out: Path, size: int = 1024, quality: int = 88) -> None:
    """Write the skin as JPEG; it appears only when it is whole."""
    image = cv2.imread(str(atlas))
    if image is None:
        raise AvatarError(f"{atlas}: no atlas that can be read; set RDR_DATA or --data to the data folder")
    image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    triangle_uv = default_face_model().topology.triangle_uv
    if triangle_uv is None:
        raise AvatarError("the default face model has no texture coordinates")
    filled = fill_outside(image, chart_mask(triangle_uv, size))
    temporary = out.with_name(f".{out.stem}.part.jpg")
    cv2.imwrite(str(temporary), filled, [cv2.IMWRITE_JPEG_QUALITY, quality])
    os.replace(temporary, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("RDR_DATA"), help="data folder (default: RDR_DATA)")
    parser.add_argument("--identity", default="Hispanic_M_2", help="which of VALID's 42 identities")
    assets = Path(__file__).parents[1] / "rdr_core" / "assets"
    parser.add_argument("--out", type=Path, default=assets / SKIN)
    arguments = parser.parse_args()
    if arguments.data is None:
        raise SystemExit("error: RDR_DATA is not set: set it to the data folder, or give --data")
    try:
        bake(arguments.data / "face_model" / "valid_tex2048" / f"{arguments.identity}.webp", arguments.out)
    except BridgeError as error:
        raise SystemExit(f"error: {error}") from None
    print(f"wrote {arguments.out} ({arguments.out.stat().st_size / 1e3:.0f} kB)")


if __name__ == "__main__":
    main()
