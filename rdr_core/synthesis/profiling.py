"""Large poses from real pictures, after Zhu et al. (CVPR 2016): faces turned outward, as the samples of shards; each
shard a pure function of the configuration, the seed and its number.

What 300W-LP bends as one sheet is here three things: a head that turns (skull, hair and ears are part of the mesh), a
neck that twists, and a background that stays. See docs/profiling.md.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from rdr_core.data.sample import read_image
from rdr_core.data.shard import Member
from rdr_core.errors import ConfigError, DataError
from rdr_core.landmarks import JAW
from rdr_core.synthesis.head_mesh import default_head_mesh
from rdr_core.synthesis.source_head import MOST_PX, FittedFace, SourceHead, prepare
from rdr_core.synthesis.turn_renderer import TurnRenderer
from rdr_core.synthesis.turned_head import TurnedFace, turn
from rdr_core.types import UInt8

_FRONTAL_RAD: Final = math.radians(8)
"""Faces that look less far aside may turn either way."""
_LONGEST_JAW_STEP: Final = 0.3
"""Share of the landmarks' box between neighbours of the contour; more is a contour that jumps."""


@dataclass(frozen=True)
class ProfilingConfig:
    """Which turns are made, and which of them are good enough."""

    yaw_deg: tuple[float, ...] = (30, 40, 50, 60, 70, 80, 86)
    """Yaws to turn to, to either side."""
    jitter_deg: float = 4.0
    """Half width of the even spread about each."""
    largest_deg: float = 87.0
    """No head is turned further; beyond profile the marched contour jumps."""
    smallest_turn_deg: float = 10.0
    """Least turn: what is turned less is nearly the picture itself."""
    nod_std_deg: float = 4.0
    """Spread of the change of pitch, at most twice of it."""
    turns: int = 3
    """Pictures of each face, at different yaws."""
    most_px: int = 200
    """Largest side of a picture."""
    max_error: float = 0.03
    """Fits with a larger error (share of the face box) are left out."""
    min_covered: float = 0.8
    """Least share of the head within the photo."""
    max_torn: float = 0.37
    """Most of the visible face that may be neither seen in the picture nor mirrored, or smeared, or folded."""
    quality: int = 92
    """Of the JPEG files."""

    def __post_init__(self) -> None:
        if not self.yaw_deg or not all(0 < yaw <= self.largest_deg for yaw in self.yaw_deg):
            raise ConfigError(f"yaws to turn to lie in 0 to {self.largest_deg} degrees, got {self.yaw_deg}")
        if min(self.jitter_deg, self.nod_std_deg) < 0 or not 0 < self.smallest_turn_deg < self.largest_deg <= 90:
            raise ConfigError(f"spreads must not be negative, and turns lie within 0 to 90 degrees, got {self}")
        if self.turns < 1 or self.most_px < 32 or not 1 <= self.quality <= 100:
            raise ConfigError(f"profiling needs turns >= 1, most_px >= 32, quality in 1..100, got {self}")
        if min(self.max_error, self.max_torn) <= 0 or not 0 <= self.min_covered <= 1:
            raise ConfigError(f"limits of profiling must be positive, min_covered at most 1, got {self}")


DEFAULT_PROFILING: Final = ProfilingConfig()


@dataclass(frozen=True, eq=False)
class SourcePicture:
    """A picture and its fit."""

    name: str
    path: Path
    mirrored: bool
    """The fit is that of the picture flipped about x = 0."""
    face: FittedFace
    error: float
    """Of the fit, share of the face box."""

    def read(self) -> tuple[UInt8, FittedFace]:
        """The picture (H, W, 3) BGR as the fit sees it, and the fit in its px; DataError where it cannot be read."""
        image = read_image(self.path)
        if not self.mirrored:
            return image, self.face
        return np.ascontiguousarray(image[:, ::-1]), self.face.moved(float(image.shape[1]))


@dataclass(frozen=True)
class Target:
    """Where a head is turned to."""

    yaw_rad: float
    nod_rad: float


class Profiler:
    """Turns faces; holds a GL context. `close` it."""

    def __init__(self, config: ProfilingConfig) -> None:
        self.config = config
        self._mesh = default_head_mesh()
        self._renderer = TurnRenderer(self._mesh.triangles, max(config.most_px, MOST_PX))

    def prepare(self, picture: SourcePicture) -> SourceHead | None:
        """Lay the head mesh under a picture; None where too little of the head is in the photo."""
        image, face = picture.read()
        head = prepare(image, face, self._mesh, self._renderer)
        return head if head.covered >= self.config.min_covered else None

    def turn(self, picture: SourcePicture, head: SourceHead, target: Target) -> TurnedFace:
        """Turn what `prepare` made of the same picture."""
        by = target.yaw_rad - float(picture.face.euler_rad[1])
        flipped = " flipped" if picture.mirrored else ""
        source = f"{picture.name}{flipped} turned by {math.degrees(by):.0f} degrees"
        config = self.config
        return turn(head, picture.face, by, target.nod_rad, self._mesh, self._renderer, config.most_px, source)

    def is_good(self, turned: TurnedFace) -> bool:
        """Whether a turned face is whole and its contour runs through."""
        return turned.realness.torn <= self.config.max_torn and longest_jaw_step(turned) <= _LONGEST_JAW_STEP

    def close(self) -> None:
        """Give the GL context back."""
        self._renderer.release()


def longest_jaw_step(turned: TurnedFace) -> float:
    """Longest distance between neighbours of the contour, share of the landmarks' box."""
    shape = turned.label.shape
    steps = np.linalg.norm(np.diff(shape[JAW], axis=0), axis=1)
    return float(steps.max() / np.ptp(shape, axis=0).max())


def draw_targets(rng: np.random.Generator, yaw_rad: float, config: ProfilingConfig) -> list[Target]:
    """Draw where to turn a face that looks to `yaw_rad`: outward only, as what is hidden cannot be shown; near frontal
    to either side. Fewer than `config.turns` where little is left of the way to profile."""
    side = np.sign(yaw_rad) if abs(yaw_rad) > _FRONTAL_RAD else rng.choice([-1.0, 1.0])
    start = side * math.degrees(yaw_rad)
    targets: list[Target] = []
    for yaw_deg in rng.permutation(config.yaw_deg):
        to = min(yaw_deg + rng.uniform(-1, 1) * config.jitter_deg, config.largest_deg)
        nod = config.nod_std_deg * float(np.clip(rng.normal(), -2, 2))
        if to - start >= config.smallest_turn_deg and len(targets) < config.turns:
            targets.append(Target(math.radians(side * to), math.radians(nod)))
    return targets


@dataclass(frozen=True, eq=False)
class ProfilingJob:
    """Makes the samples of a shard; may be sent to another process."""

    pictures: tuple[SourcePicture, ...]
    config: ProfilingConfig
    seed: int
    shard_size: int
    """Pictures a shard."""

    def __post_init__(self) -> None:
        if not any(picture.error <= self.config.max_error for picture in self.pictures):
            raise ConfigError(
                f"none of the {len(self.pictures)} fits has an error of at most {self.config.max_error:.0%}"
            )

    @property
    def fingerprint(self) -> str:
        """Of the fits, for a manifest: other fits make other pictures."""
        digest = hashlib.sha256()
        for picture in self.pictures:
            face = picture.face
            digest.update(f"{picture.name} {picture.mirrored} {face.scale_px_per_cm:.6g}".encode())
            for values in (face.shape, face.euler_rad, face.translation_px, face.alpha_id, face.alpha_exp):
                digest.update(np.ascontiguousarray(values, np.float32).tobytes())
        return digest.hexdigest()[:16]

    def __call__(self, shard: int) -> Iterator[Member]:
        """Go through the faces in an order of the seed's, from a place of the shard's own, until the shard is full."""
        good = [picture for picture in self.pictures if picture.error <= self.config.max_error]
        order = np.random.default_rng(self.seed).permutation(len(good))
        start = shard * -(-self.shard_size // self.config.turns)
        made = 0
        for step in range(len(good)):
            rng = np.random.default_rng((self.seed, shard, step))
            for turned in self._turn_all(good[order[(start + step) % len(good)]], rng):
                yield f"{shard:06d}-{made:05d}", encode_jpeg(turned.image, self.config.quality), turned.label
                made += 1
                if made == self.shard_size:
                    return
        if not made:
            raise DataError(f"none of {len(good)} faces could be turned well: are the pictures those of the fits?")

    def _turn_all(self, picture: SourcePicture, rng: np.random.Generator) -> Iterator[TurnedFace]:
        targets = draw_targets(rng, float(picture.face.euler_rad[1]), self.config)
        profiler = _profiler(self.config)
        head = profiler.prepare(picture) if targets else None
        if head is not None:
            yield from filter(profiler.is_good, (profiler.turn(picture, head, target) for target in targets))


def encode_jpeg(image: UInt8, quality: int) -> bytes:
    """(H, W, 3) BGR -> JPEG."""
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


@lru_cache(maxsize=1)
def _profiler(config: ProfilingConfig) -> Profiler:
    """Return this process's own: a GL context is dear to make."""
    cv2.setNumThreads(1)
    return Profiler(config)
