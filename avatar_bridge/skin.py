"""Derive the shipped skin from a VALID atlas (MIT): `python -m avatar_bridge.skin`.

The default face model's texture coordinates point into the atlases. What lies outside the charts, VALID's own and
those that our model uses, is filled with the nearest colour inside: so bilinear sampling and mipmaps bleed no foreign
colour in at the seams, and the triangles with which our model bridges the cuts in VALID's scalp show hair. The slit of
the closed mouth becomes lip, because the inner lips of our model are folded onto it.
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
from rdr_core.landmarks import LIPS_INNER
from rdr_core.types import Float32, UInt8

_MARGIN_PX = 3
"""Pixels at the rim of a chart that already mix with what is beside it."""
_SLIT_SHADE = 0.5
"""How much darker the lips are painted where they touch."""


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


def paint_lips_shut(image: UInt8, inner_lips_px: Float32, margin_px: int = 4) -> UInt8:
    """Replace what is painted between the inner lips, (8, 2) px, and a margin about it by lip, darker in the middle."""
    slit = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(slit, [inner_lips_px.round().astype(np.int32)], 255)
    wide = cv2.dilate(slit, np.ones((2 * margin_px + 1, 2 * margin_px + 1), np.uint8))
    lip = cv2.inpaint(image, wide, margin_px, cv2.INPAINT_TELEA)
    shade = cv2.GaussianBlur(slit, (0, 0), margin_px).astype(np.float32)[..., None] / 255
    return (lip * (1 - _SLIT_SHADE * shade)).astype(np.uint8)


def bake(data: Path, identity: str, out: Path, size: int = 1024, quality: int = 88) -> None:
    """Write the skin as JPEG; it appears only when it is whole."""
    atlas = data / "valid_tex2048" / f"{identity}.webp"
    image = cv2.imread(str(atlas)) if atlas.is_file() else None
    if image is None:
        raise AvatarError(f"{atlas}: no atlas that can be read; set RDR_DATA or --data to the data folder")
    image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    topology = default_face_model().topology
    if topology.triangle_uv is None or topology.uv is None:
        raise AvatarError("the default face model has no texture coordinates")
    with np.load(data / "valid_bilinear.npz", allow_pickle=False) as valid:
        valid_uv = valid["uv"].astype(np.float32)[valid["tri"]]
    image = paint_lips_shut(image, topology.uv[topology.landmarks[LIPS_INNER]] * size)
    filled = fill_outside(image, chart_mask(topology.triangle_uv, size) & chart_mask(valid_uv, size))
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
        bake(Path(arguments.data) / "face_model", arguments.identity, arguments.out)
    except BridgeError as error:
        raise SystemExit(f"error: {error}") from None
    print(f"wrote {arguments.out} ({arguments.out.stat().st_size / 1e3:.0f} kB)")


if __name__ == "__main__":
    main()
