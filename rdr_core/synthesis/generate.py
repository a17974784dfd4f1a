"""Synthetic pictures as the samples of shards: each shard a pure function of the configuration, the seed and its
number."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from rdr_core.data.shard import Member
from rdr_core.synthesis.scene import SceneConfig, Studio
from rdr_core.types import UInt8


@dataclass(frozen=True)
class ShardJob:
    """Makes the samples of a shard; may be sent to another process."""

    folder: Path
    """The data folder's `face_model`."""
    scene: SceneConfig
    seed: int
    shard_size: int
    """Pictures a shard."""
    quality: int = 92
    """Of the JPEG files; what the pictures' own camera lost is in them already."""

    def __call__(self, shard: int) -> Iterator[Member]:
        studio = _studio(self.folder, self.scene, self.seed)
        for number in range(shard * self.shard_size, (shard + 1) * self.shard_size):
            rgb, label = studio.shoot(number)
            yield f"{number:09d}", encode_jpeg(rgb, self.quality), label


def encode_jpeg(rgb: UInt8, quality: int) -> bytes:
    """(H, W, 3) RGB -> JPEG."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    return cv2.imencode(".jpg", rgb[..., ::-1], options)[1].tobytes()


_kept: dict[tuple[Path, SceneConfig, int], Studio] = {}


def _studio(folder: Path, scene: SceneConfig, seed: int) -> Studio:
    """Return this process's studio: its GL context and skins are dear to make."""
    key = folder, scene, seed
    if key not in _kept:
        for studio in _kept.values():
            studio.close()
        _kept.clear()
        os.environ.setdefault("LP_NUM_THREADS", "1")  # of software GL: processes share the cores already
        cv2.setNumThreads(1)
        _kept[key] = Studio(folder, scene, seed)
    return _kept[key]
