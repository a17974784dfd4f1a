"""Batches: pictures of one or several sources, cropped, augmented, with their targets.

Row t of the stream depends on the seed and t alone: whoever makes it, and whatever was made before, it is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
import torch
from torch import Tensor

from rdr_core.data.augment import AugmentConfig, background_crop, jitter_crop, misalign_crop, photometric
from rdr_core.data.crop import Crop, crop_from_landmarks
from rdr_core.data.label import FaceLabel
from rdr_core.errors import DataError
from rdr_core.geometry.rotation import turn_in_image, upright_roll_rad
from rdr_core.landmarks import N_LANDMARKS
from rdr_core.modeling.face_projection import N_POSE
from rdr_core.training.mixture import PERIOD, Mixture
from rdr_core.training.sources import Source
from rdr_core.types import Float32, UInt8


@dataclass(frozen=True, eq=False)
class Batch:
    """Crop units: the crop's sides run from 0 to 1. Targets of rows that are no face are zero and masked by
    `is_face`."""

    image: Tensor
    """(B, 3, s, s) uint8 RGB, channels last in memory: a quarter of the floats that the network sees."""
    is_face: Tensor
    """(B,) 1 where the crop shows a well aligned face, else 0."""
    shape: Tensor
    """(B, 68, 2) S*."""
    own: Tensor
    """(B, 68, 2) the head's own points, hidden or not."""
    pose: Tensor
    """(B, 7) P*: rad, crop units, crop units per cm."""
    alpha_id: Tensor
    """(B, I)."""
    alpha_exp: Tensor
    """(B, E)."""
    fitted: Tensor
    """(B,) 1 where Q* was fitted to landmarks, 0 where it is known."""

    def to(self, device: torch.device) -> Batch:
        return Batch(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))

    def pin_memory(self) -> Batch:
        """Return a copy in page-locked memory, which a CUDA device reads while it computes."""
        return Batch(*(getattr(self, field.name).pin_memory() for field in fields(self)))


def network_pixels(image: Tensor) -> Tensor:
    """(B, 3, s, s) uint8 -> float32 in [0, 1], channels last."""
    return image.contiguous(memory_format=torch.channels_last).float().div_(255)


@dataclass(frozen=True, eq=False)
class Target:
    """What the network should say of one crop, crop units."""

    shape: Float32
    """(68, 2)."""
    own: Float32
    """(68, 2)."""
    pose: Float32
    """(7,)."""
    alpha_id: Float32
    alpha_exp: Float32
    fitted: Float32
    """() 1 where Q* was fitted."""


def target_in_crop(label: FaceLabel, crop: Crop) -> Target:
    """Return what is known of a face, in a crop."""
    shape, own = (
        (crop.points_to_crop(points) / crop.size).astype(np.float32)
        for points in (label.shape, label.landmarks_3d[:, :2])
    )
    pose = pose_in_crop(label.euler_rad, label.translation_px, label.scale_px_per_cm, crop)
    return Target(shape, own, pose, label.alpha_id, label.alpha_exp, np.asarray(label.fitted, np.float32))


def pose_in_crop(euler_rad: Float32, translation_px: Float32, scale: float, crop: Crop) -> Float32:
    """P of an image (px) -> P of a crop (7,), crop units."""
    euler = turn_in_image(np.asarray(euler_rad, np.float64), -crop.roll_rad)
    translation = crop.points_to_crop(translation_px[:2]) / crop.size
    return np.array([*euler, *translation, 0, scale / crop.side_px], np.float32)


def ideal_crop(label: FaceLabel, size: int) -> Crop:
    """Return the centred crop of a face, not turned: for validation and statistics."""
    return crop_from_landmarks(label.shape, size)


class Sampler:
    """Draws augmented batches; the same seed and number draw the same batch."""

    def __init__(
        self,
        sources: Sequence[tuple[Source, float]],
        backgrounds: Sequence[UInt8],
        augment: AugmentConfig,
        *,
        crop_size: int,
        batch_size: int,
        no_face: float,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """Args:
        sources: each with its share of the rows.
        backgrounds: (H, W, 3) BGR pictures without faces.
        no_face: share of crops that show no well aligned face, besides the sources' own pictures without one.
        rank: of `world` samplers that draw the parts of one large batch.
        """
        self.sources = [source for source, _ in sources]
        self.mixture = Mixture([share for _, share in sources])
        self.backgrounds, self.augment, self.crop_size = backgrounds, augment, crop_size
        self.batch_size, self.no_face, self.seed = batch_size, no_face, seed
        self.rank, self.world = rank, world
        self._orders: dict[int, tuple[int, np.ndarray]] = {}
        self._blank = self._no_target()

    def batch(self, number: int) -> Batch:
        """Return batch `number` (from 0)."""
        first = (number * self.world + self.rank) * self.batch_size
        pixels = np.empty((self.batch_size, self.crop_size, self.crop_size, 3), np.uint8)
        is_face = np.zeros(self.batch_size, np.float32)
        targets = []
        for index in range(self.batch_size):
            crop, target = self.row(first + index)
            cv2.cvtColor(crop, cv2.COLOR_BGR2RGB, dst=pixels[index])
            is_face[index] = target is not None
            targets.append(target or self._blank)
        columns = (np.stack([getattr(target, field.name) for target in targets]) for field in fields(Target))
        image = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        return Batch(image, torch.from_numpy(is_face), *map(torch.from_numpy, columns))

    def row(self, number: int) -> tuple[UInt8, Target | None]:
        """Return row `number` of the stream: (s, s, 3) BGR, and its target or None where it shows no aligned face."""
        rng = np.random.default_rng((self.seed, number))
        source, position = self._place(number)
        image, label = source.picture(position, bool(rng.random() < self.augment.flip))
        target = None
        if label is None:
            crop = background_crop(rng, image.shape, self.crop_size)
        elif rng.random() >= self.no_face:
            crop = jitter_crop(rng, label.shape, upright_roll_rad(label.euler_rad), self.crop_size, self.augment)
            target = self._checked(target_in_crop(label, crop))
        elif self.backgrounds and rng.random() < 0.5:
            image = self.backgrounds[int(rng.integers(len(self.backgrounds)))]
            crop = background_crop(rng, image.shape, self.crop_size)
        else:
            crop = misalign_crop(rng, label.shape, self.crop_size)
        return photometric(rng, crop.warp(image), self.augment), target

    def labels(self, rows: int) -> Iterator[FaceLabel]:
        """Yield the labels of the first rows of the stream, not flipped, without those that show no face."""
        for number in range(rows):
            source, position = self._place(number)
            if (label := source.label(position)) is not None:
                yield label

    def close(self) -> None:
        """Let go of the sources' open files."""
        for source in self.sources:
            source.close()

    def _place(self, number: int) -> tuple[Source, int]:
        which, item = self.mixture.place(number)
        source = self.sources[which]
        epoch, within = divmod(item, len(source))
        if self._orders.get(which, (-1,))[0] != epoch:
            rng = np.random.default_rng((self.seed, epoch, 1 + which))
            self._orders[which] = epoch, source.order(rng)
        return source, int(self._orders[which][1][within])

    def _no_target(self) -> Target:
        label = next(self.labels(PERIOD), None)
        if label is None:
            raise DataError(f"the first {PERIOD} training pictures show no face")
        shapes = ((N_LANDMARKS, 2), (N_LANDMARKS, 2), N_POSE, label.alpha_id.shape, label.alpha_exp.shape, ())
        return Target(*(np.zeros(shape, np.float32) for shape in shapes))

    def _checked(self, target: Target) -> Target:
        for name in ("alpha_id", "alpha_exp"):
            got, expected = (getattr(t, name).shape[0] for t in (target, self._blank))
            if got != expected:
                raise DataError(f"`{name}` has {got} numbers in one training label and {expected} in another")
        return target
