"""Derive the shipped skin from a VALID atlas (MIT): `python -m avatar_bridge.skin`.

The default face model's texture coordinates point into the atlases. What lies outside the charts, VALID's own and
those that our model uses, is filled with the nearest colour inside: so bilinear sampling and mipmaps bleed no foreign
colour in at the seams, and the triangles with which our model bridges the cuts in VALID's scalp show hair. The slit of
the closed mouth becomes lip, because the inner lips of our model are folded onto it; so do lids, with a line of lashes.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from avatar_bridge.avatar import SKIN
from avatar_bridge.collar import paint_collar
from avatar_bridge.errors import AvatarError, BridgeError
from rdr_core.face_model.dynamic_expression_model import shipped_face_model
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT, LIPS_INNER, LIPS_OUTER
from rdr_core.synthesis.skin import chart_mask, fill_outside, nearest_inside, paint_lips_shut
from rdr_core.types import Float32, UInt8

_LIP_EVENNESS: Final = np.array([0.45, 0.85, 0.85])
"""How far lightness and the two colours of the lips (Lab) go to their mean."""
_INNER_LIP: Final = 0.75
"""Brightness where the lips touch, of their mean."""
_SOCKET_LIGHT: Final = 0.6
_MIDDLE_U: Final = 0.325
"""Of the face in the atlas."""
_LASH_BGR: Final = (22, 26, 34)
_LASHES: Final = (0.8, 0.4)
"""How dense the painted line of upper and lower lashes is."""


def bake(data: Path, identity: str, out: Path, size: int = 1024, quality: int = 88) -> None:
    """Write the skin as JPEG; it appears only when it is whole."""
    atlas = data / "valid_tex2048" / f"{identity}.webp"
    image = cv2.imread(str(atlas)) if atlas.is_file() else None
    if image is None:
        raise AvatarError(f"{atlas}: no atlas that can be read; set RDR_DATA or --data to the data folder")
    image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    model = shipped_face_model()
    topology = model.topology
    if topology.triangle_uv is None or topology.uv is None:
        raise AvatarError("the default face model has no texture coordinates")
    with np.load(data / "valid_bilinear.npz", allow_pickle=False) as valid:
        valid_uv = valid["uv"].astype(np.float32)[valid["tri"]]
    landmarks_px = topology.uv[topology.landmarks] * size
    image = paint_lips_shut(image, landmarks_px[LIPS_INNER])
    image = fill_outside(image, nearest_inside(chart_mask(topology.triangle_uv, size) & chart_mask(valid_uv, size)))
    image = even_lips(image, landmarks_px[LIPS_OUTER], landmarks_px[LIPS_INNER])
    for eye in (EYE_RIGHT, EYE_LEFT):
        image = paint_lids(lighten_socket(image, landmarks_px[eye]), landmarks_px[eye])
    image = paint_collar(image, model.face(), topology.triangles, topology.triangle_uv)
    temporary = out.with_name(f".{out.stem}.part.jpg")
    cv2.imwrite(str(temporary), image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    os.replace(temporary, out)


def even_lips(image: UInt8, outer_px: Float32, inner_px: Float32) -> UInt8:
    """Take light and shadow of the photograph out of the lips, (12, 2) and (8, 2) px, BGR: both of one colour, and of a
    single darker one about the slit, where our model's mesh mixes upper and lower."""
    size = image.shape[0]
    lips, slit = _inside(image, outer_px, size / 340), _inside(image, inner_px, size / 340, size // 200)
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(np.float32)
    mean = np.median(lab[(lips[..., 0] > 0.5) & (slit[..., 0] < 0.1)], axis=0)
    lab += lips * _LIP_EVENNESS * (mean - lab)
    lab += slit * (mean * [_INNER_LIP, 1, 1] - lab)
    return cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2BGR)


def lighten_socket(image: UInt8, eye_px: Float32) -> UInt8:
    """Take half of the photograph's shadow out of the socket of an eye, (6, 2) px from corner to corner and back, BGR:
    our own light draws it, too."""
    size = image.shape[0]
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(np.float32)
    width = float(np.ptp(eye_px[:, 0]))
    inner = eye_px[[0, 3]][np.abs(eye_px[[0, 3], 0] - size * _MIDDLE_U).argmin()]
    y, x = np.mgrid[:size, :size].astype(np.float32)
    mask = np.exp(-(((x - inner[0]) / (0.5 * width)) ** 2) - ((y - inner[1] + 0.15 * width) / (0.3 * width)) ** 2)
    below = eye_px.mean(axis=0) + [0, 0.8 * width]
    cheek = lab[int(below[1]) - 6 : int(below[1]) + 7, int(below[0]) - 6 : int(below[0]) + 7].mean(axis=(0, 1))
    broad = cv2.GaussianBlur(lab, (0, 0), size / 128)
    broad[..., 0] = np.minimum(broad[..., 0], cheek[0])
    lab += _SOCKET_LIGHT * mask[..., None] * (cheek - broad)
    return cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2BGR)


def paint_lids(image: UInt8, eye_px: Float32) -> UInt8:
    """Replace what is painted between the lids, (6, 2) px from corner to corner and back, BGR, by lid, and draw lashes
    along them."""
    size = image.shape[0]
    between = (_inside(image, eye_px, size / 1000, size // 340)[..., 0] > 0.3).astype(np.uint8)
    lid = cv2.inpaint(image, between, size // 200, cv2.INPAINT_TELEA).astype(np.float32)
    for density, line in zip(_LASHES, (eye_px[:4], eye_px[[3, 4, 5, 0]]), strict=True):
        drawn = np.zeros(image.shape[:2], np.uint8)
        cv2.polylines(drawn, [(_curve(line) * 16).round().astype(np.int32)], False, 255, size // 340, cv2.LINE_AA, 4)
        cover = density * cv2.GaussianBlur(drawn, (0, 0), size / 1200)[..., None].astype(np.float32) / 255
        lid += cover * (np.array(_LASH_BGR) - lid)
    return lid.astype(np.uint8)


def _inside(image: UInt8, polygon_px: Float32, soft_px: float, wider_px: int = 0) -> Float32:
    """(n, 2) -> (H, W, 1) 1 inside of a polygon, 0 outside."""
    mask = np.zeros(image.shape[:2], np.float32)
    cv2.fillPoly(mask, [polygon_px.round().astype(np.int32)], 1.0)
    wide = cv2.dilate(mask, np.ones((2 * wider_px + 1, 2 * wider_px + 1), np.uint8))
    return np.asarray(cv2.GaussianBlur(wide, (0, 0), soft_px), np.float32)[..., None]


def _curve(points: Float32, steps: int = 24) -> Float32:
    """(4, 2) -> (steps, 2) points of the cubic through four points that are about equally far apart."""
    at = np.arange(len(points))
    return np.stack([np.polyval(np.polyfit(at, axis, 3), np.linspace(0, 3, steps)) for axis in points.T], axis=1)


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
