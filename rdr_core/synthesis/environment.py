"""Light from all around: measured panoramas made ready for shading, and seen as a blurred background.

E: environments.  H, W: rows and columns of a panorama; its middle column is straight ahead of the camera (-z), columns
run to the right, rows from the zenith (+y) down.  Directions are in the view frame: x right, y up, z to the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from rdr_core.errors import AssetError
from rdr_core.types import Float32, UInt8

ROUGHNESS: Final = (0.05, 0.3, 0.5, 0.8)
"""Roughness of each layer of `reflections`."""
REFLECTION_PX: Final = 64
"""Side of the octahedral reflection maps."""
_LUMINANCE: Final = np.array([0.2126, 0.7152, 0.0722], np.float32)
_LAMP_FROM: Final = 6.0
"""Radiance, over the mean, above which a part of a panorama is a lamp."""
_LAMP_COS: Final = float(np.cos(np.radians(35.0)))
"""Lamps within this angle of the strongest are one lamp."""
_BRIGHTEST: Final = 40.0
"""Radiance, over the mean, to which the other lamps are cut: reflections of narrower ones would sparkle."""
_BANDS: Final = (1.0, 2.0 / 3.0, 1.0 / 4.0)
"""Lambert's lobe over pi, by band of spherical harmonics."""
_WINDOW: Final = (1.0, 0.95, 0.8)
"""Damps the ringing of the second order, which would turn negative opposite a lamp."""
_HIGHLIGHT: Final = 0.9
"""How much of a bright tone the panoramas' tone mapping took; undone before blurring: lamps become bright discs."""
_STEPS: Final = 4096
_TOP: Final = 3.0
"""Square root of the light that is white in a backdrop."""
_DECODED: Final = ((t := (np.arange(256, dtype=np.float32) / 255) ** 2.2) / (1 - _HIGHLIGHT * t)).astype(np.float32)
_ENCODED: Final = (((x := np.linspace(0, _TOP, _STEPS) ** 2) / (1 + _HIGHLIGHT * x)) ** (1 / 2.2) * 255 + 0.5).astype(
    np.uint8
)
"""The reverse, by the square root of the light in steps."""


@dataclass(frozen=True, eq=False)
class Environments:
    """Measured panoramas, each of mean radiance 1 (over the sphere) once its strongest lamp is taken out."""

    names: tuple[str, ...]
    radiance: Float32
    """(E, H, W, 3) float32 linear RGB, without the strongest lamp."""
    lamp_directions: Float32
    """(E, 3) float32 unit, towards the strongest lamp."""
    lamp_colors: Float32
    """(E, 3) float32 linear RGB irradiance of that lamp at a right angle; zero where the light has no peak."""
    panoramas: tuple[Path, ...]
    """Tone-mapped pictures of the same places, for the background."""

    @classmethod
    def load(cls, folder: Path) -> Environments:
        """Read `polyhaven_env_256x128_f16.npz` and `polyhaven_bg/` of the face model's data folder."""
        path = folder / "polyhaven_env_256x128_f16.npz"
        try:
            with np.load(path, allow_pickle=False) as content:
                names = tuple(str(name) for name in content["names"])
                radiance = content["env"][..., ::-1].astype(np.float32)  # the file has blue first
        except (OSError, KeyError, ValueError) as error:
            raise AssetError(f"{path}: no environments that can be read ({error}); set RDR_DATA or --data") from error
        panoramas = tuple(folder / "polyhaven_bg" / f"{name}_1k.jpg" for name in names)
        return cls.of_radiance(names, radiance, panoramas)

    @classmethod
    def of_radiance(cls, names: tuple[str, ...], radiance: Float32, panoramas: tuple[Path, ...]) -> Environments:
        """Take the strongest lamp out of each (H, W, 3) panorama, cut the others and normalise the rest."""
        if radiance.ndim != 4 or radiance.shape[-1] != 3 or not len(names) == len(panoramas) == len(radiance) > 0:
            raise AssetError(f"environments need (E, H, W, 3) radiance and E names, got {radiance.shape}, {len(names)}")
        if not (np.isfinite(radiance).all() and radiance.min() >= 0 and radiance.max(axis=(1, 2, 3)).min() > 0):
            raise AssetError("the radiance of an environment is finite, not negative and not all black")
        parts = [_without_lamp(panorama.astype(np.float32)) for panorama in radiance]
        rest, directions, colors = (np.stack(arrays) for arrays in zip(*parts, strict=True))
        return cls(names, rest, directions, colors, panoramas)

    def __len__(self) -> int:
        return len(self.names)

    def lamp(self, index: int, yaw_rad: float) -> tuple[Float32, Float32]:
        """The strongest lamp of an environment turned by `yaw_rad`: (3,) unit towards it, (3,) linear irradiance."""
        return turn_y(self.lamp_directions[index], yaw_rad), self.lamp_colors[index].copy()

    @cached_property
    def irradiance(self) -> Float32:
        """(E, 9, 3) float32 spherical harmonics (order 2) of the irradiance over pi; see `harmonics`."""
        directions, weights = sphere_grid(*self.radiance.shape[1:3])
        basis = harmonics(directions) * weights[..., None]
        bands = np.repeat(np.multiply(_BANDS, _WINDOW), (1, 3, 5)).astype(np.float32)
        return np.einsum("hwk,ehwc->ekc", basis, self.radiance, optimize=True) * bands[:, None]

    @cached_property
    def reflections(self) -> Float32:
        """(E, layers, REFLECTION_PX, REFLECTION_PX, 3) float32: what a surface of each `ROUGHNESS` mirrors from a
        direction, as octahedral maps whose outermost texel centres lie on the edge of the square."""
        grid = octahedral_directions(REFLECTION_PX)
        n = len(self)
        mirror = np.stack(
            [_look_up(cv2.resize(r, (128, 64), interpolation=cv2.INTER_AREA), grid) for r in self.radiance]
        )
        layers = [mirror]
        small = np.stack([cv2.resize(r, (64, 32), interpolation=cv2.INTER_AREA) for r in self.radiance])
        directions, weights = sphere_grid(32, 64)
        flat = np.ascontiguousarray(small.reshape(n, -1, 3).transpose(1, 0, 2)).reshape(-1, 3 * n)
        cosine = (grid.reshape(-1, 3) @ directions.reshape(-1, 3).T).astype(np.float32)
        for roughness in ROUGHNESS[1:]:
            lobe = _ggx_lobe(cosine, roughness) * weights.ravel()
            mirrored = (lobe / lobe.sum(axis=1, keepdims=True)) @ flat
            layers.append(mirrored.reshape(*grid.shape[:2], n, 3).transpose(2, 0, 1, 3))
        return np.stack(layers, axis=1).astype(np.float32)

    def backdrop(
        self, index: int, yaw_rad: float, size_px: int, fov_rad: float = 0.7, blur: float = 0.02, gain: float = 1.0
    ) -> UInt8:
        """What a camera sees behind its subject: (size_px, size_px, 3) RGB.

        `fov_rad` is the whole angle of view; `blur` the radius of a blurred point over the side of the picture; `gain`
        a linear factor on the light.
        """
        if not (0 < fov_rad < 3 and 0 <= blur < 0.5 and 0 <= gain < np.inf):
            raise AssetError(f"a backdrop needs 0 < fov < 3 rad, 0 <= blur < 0.5 and a gain, got {fov_rad, blur, gain}")
        side = min(size_px, 256) if blur > 0.01 else size_px  # what is blurred needs no more
        panorama = self._panorama(index)
        height, width = panorama.shape[:2]
        x = np.tan(fov_rad / 2) * ((np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1)
        x, y = np.meshgrid(x, -x)
        column = (np.arctan2(x, 1) + yaw_rad) / (2 * np.pi) + 0.5
        row = np.arccos(y / np.sqrt(x * x + y * y + 1)) / np.pi
        column, row = (column % 1 * width).astype(np.float32), (row * height).astype(np.float32)
        seen = cv2.remap(panorama, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        light = _defocus(_DECODED[seen], blur * side) * np.float32(gain)
        picture = _ENCODED[np.minimum(np.sqrt(light) * (_STEPS - 1) / _TOP, _STEPS - 1).astype(np.int32)]
        return picture if side == size_px else cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_CUBIC)

    @cached_property
    def _pictures(self) -> dict[int, UInt8]:
        return {}

    def _panorama(self, index: int) -> UInt8:
        """(H', W', 3) RGB, read once."""
        if index not in self._pictures:
            path = self.panoramas[index]
            image = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
            if image is None:
                raise AssetError(f"{path}: no panorama that can be read; set RDR_DATA or --data to the data folder")
            self._pictures[index] = np.ascontiguousarray(image[..., ::-1])
        return self._pictures[index]


def turn_y(directions: Float32, yaw_rad: float) -> Float32:
    """Turn (..., 3) directions of an untouched environment as it is turned by `yaw_rad`: to the left of the picture."""
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    matrix = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], np.float32)
    return directions @ matrix.T


def harmonics(directions: Float32) -> Float32:
    """(..., 3) unit -> (..., 9) real spherical harmonics of bands 0 to 2: 1, y, z, x, xy, yz, zz, xz, xx-yy."""
    x, y, z = np.moveaxis(directions, -1, 0)
    one = np.full_like(x, 0.282095)
    linear = [0.488603 * y, 0.488603 * z, 0.488603 * x]
    square = [1.092548 * x * y, 1.092548 * y * z, 0.315392 * (3 * z * z - 1), 1.092548 * x * z]
    return np.stack([one, *linear, *square, 0.546274 * (x * x - y * y)], axis=-1).astype(np.float32)


def sphere_grid(height: int, width: int) -> tuple[Float32, Float32]:
    """Directions (H, W, 3) of a panorama's pixel centres and their solid angles (H, W), which add up to 4 pi."""
    polar = (np.arange(height) + 0.5) / height * np.pi
    around = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    sin = np.sin(polar)[:, None]
    y = np.broadcast_to(np.cos(polar)[:, None], (height, width))
    directions = np.stack([sin * np.sin(around), y, -sin * np.cos(around)], axis=-1).astype(np.float32)
    weights = np.broadcast_to(sin, (height, width))
    return directions, (weights / weights.sum() * 4 * np.pi).astype(np.float32)


def octahedral_directions(size: int) -> Float32:
    """(size, size, 3) unit directions of an octahedral map: +y in the middle, -y in the corners."""
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, z = np.meshgrid(axis, axis)
    y = 1 - np.abs(x) - np.abs(z)
    fold = np.maximum(-y, 0)
    x, z = x - np.copysign(fold, x), z - np.copysign(fold, z)
    directions = np.stack([x, y, z], axis=-1)
    return directions / np.linalg.norm(directions, axis=-1, keepdims=True)


def _look_up(panorama: Float32, directions: Float32) -> Float32:
    height, width = panorama.shape[:2]
    column = (np.arctan2(directions[..., 0], -directions[..., 2]) / (2 * np.pi) + 0.5) * width - 0.5
    row = np.arccos(np.clip(directions[..., 1], -1, 1)) / np.pi * height - 0.5
    padded = cv2.copyMakeBorder(panorama, 1, 1, 0, 0, cv2.BORDER_REPLICATE)
    padded = cv2.copyMakeBorder(padded, 0, 0, 1, 1, cv2.BORDER_WRAP)
    return cv2.remap(padded, (column + 1).astype(np.float32), (row + 1).astype(np.float32), cv2.INTER_LINEAR)


def _ggx_lobe(cosine: Float32, roughness: float) -> Float32:
    """Weight of light at this cosine from the mirror direction, seen along the normal."""
    half = np.sqrt(np.clip(0.5 + 0.5 * cosine, 0, 1))  # the cosine to the half vector
    square = roughness**4
    return np.maximum(cosine, 0) / (half * half * (square - 1) + 1) ** 2


def _without_lamp(panorama: Float32) -> tuple[Float32, Float32, Float32]:
    """(H, W, 3) -> the rest at mean 1, direction (3,) and irradiance (3,) of the strongest lamp."""
    directions, weights = sphere_grid(*panorama.shape[:2])
    panorama = panorama / np.sum(panorama @ _LUMINANCE * weights) * np.float32(4 * np.pi)
    luminance = panorama @ _LUMINANCE
    excess = np.maximum(luminance - _LAMP_FROM, 0) * weights
    rows, columns = np.nonzero(excess)
    peak = np.array([0.0, 0.6, 0.8], np.float32)
    if len(rows):
        beams, powers = directions[rows, columns], excess[rows, columns]
        probe = beams[np.argsort(powers)[-64:]]
        peak = beams[np.argmax(beams @ probe[np.argmax(np.maximum(probe @ beams.T, 0) ** 16 @ powers)])]
        near = beams @ peak > _LAMP_COS
        peak = (beams[near] * powers[near, None]).sum(axis=0)
        peak /= np.linalg.norm(peak)
    in_lamp = (directions @ peak > _LAMP_COS) & (luminance > _LAMP_FROM)
    kept = np.where(in_lamp, _LAMP_FROM, np.minimum(luminance, _BRIGHTEST)) / np.maximum(luminance, 1e-12)
    rest = panorama * kept[..., None]
    lamp = ((panorama - rest) * (weights * in_lamp)[..., None]).sum(axis=(0, 1))
    lamp = 0.5 * (lamp + lamp @ _LUMINANCE)  # suns are clipped channel by channel: their hue is not to be trusted
    mean = np.sum(rest @ _LUMINANCE * weights) / (4 * np.pi)
    return (rest / mean).astype(np.float32), peak.astype(np.float32), (lamp / mean).astype(np.float32)


def _defocus(light: Float32, radius_px: float) -> Float32:
    """Spread every point over a disc, as a lens out of focus does."""
    if radius_px < 0.7:
        return light
    reach = int(np.ceil(radius_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return np.maximum(cv2.filter2D(light, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT), 0)
