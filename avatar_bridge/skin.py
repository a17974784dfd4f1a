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
from rdr_core.face_model.dynamic_expression_model import shipped_face_model
from rdr_core.landmarks import LIPS_INNER
from rdr_core.synthesis.skin import chart_mask, fill_outside, nearest_inside, paint_lips_shut


def bake(data: Path, identity: str, out: Path, size: int = 1024, quality: int = 88) -> None:
    """Write the skin as JPEG; it appears only when it is whole."""
    atlas = data / "valid_tex2048" / f"{identity}.webp"
    image = cv2.imread(str(atlas)) if atlas.is_file() else None
    if image is None:
        raise AvatarError(f"{atlas}: no atlas that can be read; set RDR_DATA or --data to the data folder")
    image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    topology = shipped_face_model().topology
    if topology.triangle_uv is None or topology.uv is None:
        raise AvatarError("the default face model has no texture coordinates")
    with np.load(data / "valid_bilinear.npz", allow_pickle=False) as valid:
        valid_uv = valid["uv"].astype(np.float32)[valid["tri"]]
    image = paint_lips_shut(image, topology.uv[topology.landmarks[LIPS_INNER]] * size)
    filled = fill_outside(image, nearest_inside(chart_mask(topology.triangle_uv, size) & chart_mask(valid_uv, size)))
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
