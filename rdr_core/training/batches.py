"""Batches: crops and their targets, drawn in a background thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rdr_core.data.augment import AugmentConfig, jitter_crop, misalign_crop, photometric
from rdr_core.data.crop import Crop, crop_from_landmarks
from rdr_core.data.sample import FaceSample, read_image
from rdr_core.errors import DataError
from rdr_core.geometry.rotation import turn_in_image, upright_roll_rad
from rdr_core.training.targets import TargetTable
from rdr_core.types import Float32, UInt8


@dataclass(frozen=True)
class Batch:
    """Crop units: the crop's sides run from 0 to 1. Targets of rows that are no face are zero and masked by
    `is_face`."""

    image: Tensor
    """(B, 3, s, s) RGB in [0, 1]."""
    is_face: Tensor
    """(B,) 1 where the crop shows a well aligned face, else 0."""
    shape: Tensor
    """(B, 68, 2) S*."""
    pose: Tensor
    """(B, 7) P*: rad, crop units, crop units per cm."""
    alpha_id: Tensor
    """(B, I)."""
    alpha_exp: Tensor
    """(B, E)."""

    def to(self, device: torch.device) -> Batch:
        return Batch(*(getattr(self, name).to(device, non_blocking=True) for name in self.__dataclass_fields__))


def pose_in_crop(euler_rad: Float32, translation_px: Float32, scale: Float32, crop: Crop) -> Float32:
    """P of an image (px) -> P of a crop (7,), crop units."""
    euler = turn_in_image(np.asarray(euler_rad, np.float64), -crop.roll_rad)
    translation = crop.points_to_crop(translation_px[:2]) / crop.size
    return np.array([*euler, *translation, 0, scale / crop.side_px], np.float32)


class TrainingSet:
    """Decoded pictures and their fits, both ways round."""

    def __init__(self, samples: Sequence[FaceSample], table: TargetTable, crop_size: int) -> None:
        self.crop_size = crop_size
        self.names = sorted(set(table.names.tolist()))
        paths = {sample.name: sample.image_path for sample in samples}
        missing = [name for name in self.names if name not in paths]
        if missing or not self.names:
            raise DataError(f"{len(missing)} fitted faces are not in the data set (first: {missing[:1]}); fit it again")
        self.images: dict[str, UInt8] = {name: read_image(paths[name]) for name in self.names}
        self.table = table
        self._rows = {
            (name, bool(flip)): row for row, (name, flip) in enumerate(zip(table.names, table.mirrored, strict=True))
        }

    def __len__(self) -> int:
        return len(self.names)

    def face(self, name: str, flip: bool) -> tuple[int, UInt8, float]:
        """Row of the table, picture, and what to add to the row's x: its pictures are flipped about their own width."""
        image = self.images[name]
        flip = flip and (name, True) in self._rows
        row = self._rows[name, flip]
        return (row, cv2_flip(image), float(image.shape[1])) if flip else (row, image, 0.0)

    def targets(self, row: int, offset_x: float, crop: Crop) -> tuple[Float32, Float32, Float32, Float32]:
        """S* (68, 2), P* (7,), alpha_id*, alpha_exp* of a crop."""
        table, offset = self.table, np.array([offset_x, 0], np.float32)
        shape = crop.points_to_crop(table.shape[row] + offset) / crop.size
        translation = table.translation_px[row][:2] + offset
        pose = pose_in_crop(table.euler_rad[row], translation, table.scale_px_per_cm[row], crop)
        return shape.astype(np.float32), pose, table.alpha_id[row], table.alpha_exp[row]


def cv2_flip(image: UInt8) -> UInt8:
    """Flip a picture left to right."""
    return np.ascontiguousarray(image[:, ::-1])


class Sampler:
    """Draws augmented batches; the same seed and start draw the same batches."""

    def __init__(
        self,
        data: TrainingSet,
        backgrounds: Sequence[UInt8],
        augment: AugmentConfig,
        batch_size: int,
        no_face: float,
        seed: int,
    ) -> None:
        """`no_face`: share of crops that show no well aligned face."""
        self.data, self.backgrounds, self.augment = data, backgrounds, augment
        self.batch_size, self.no_face, self.seed = batch_size, no_face, seed

    def batch(self, number: int) -> Batch:
        """Return batch `number` (from 0)."""
        rng = np.random.default_rng((self.seed, number))
        per_epoch = max(1, len(self.data) // self.batch_size)
        epoch, within = divmod(number, per_epoch)
        order = np.random.default_rng((self.seed, epoch, 1)).permutation(len(self.data))
        chosen = order[(np.arange(self.batch_size) + within * self.batch_size) % len(self.data)]
        rows = [self._row(rng, self.data.names[index]) for index in chosen]
        image, is_face, *targets = (np.stack(column) for column in zip(*rows, strict=True))
        pixels = torch.from_numpy(image[..., ::-1].copy()).permute(0, 3, 1, 2)  # a channels-last tensor
        return Batch(pixels.float().div_(255), torch.from_numpy(is_face), *(torch.from_numpy(t) for t in targets))

    def _row(self, rng: np.random.Generator, name: str) -> tuple[Any, ...]:
        data, size = self.data, self.data.crop_size
        row, image, offset = data.face(name, rng.random() < self.augment.flip)
        shape = data.table.shape[row] + np.array([offset, 0], np.float32)
        aligned = rng.random() >= self.no_face
        if aligned:
            crop = jitter_crop(rng, shape, upright_roll_rad(data.table.euler_rad[row]), size, self.augment)
        elif self.backgrounds and rng.random() < 0.5:
            image = self.backgrounds[int(rng.integers(len(self.backgrounds)))]
            side = float(np.exp(rng.uniform(np.log(size / 3), np.log(min(image.shape[:2])))))
            center = rng.uniform(0, 1, 2) * image.shape[1::-1]
            crop = Crop(center.astype(np.float32), side, size, float(rng.uniform(-np.pi, np.pi)))
        else:
            crop = misalign_crop(rng, shape, size)
        pixels = photometric(rng, crop.warp(image), self.augment)
        return pixels, np.float32(aligned), *data.targets(row, offset, crop)

    def stream(self, start: int, ahead: int = 4) -> Generator[Batch]:
        """Yield batches from number `start` on, made ahead in a thread."""
        ready: queue.Queue[Batch | BaseException] = queue.Queue(ahead)
        stop = threading.Event()

        def work() -> None:
            number = start
            while not stop.is_set():
                try:
                    item: Batch | BaseException = self.batch(number)
                except BaseException as error:  # handed to the consumer
                    item = error
                while not stop.is_set():
                    try:
                        ready.put(item, timeout=0.2)
                        break
                    except queue.Full:
                        continue
                number += 1

        thread = threading.Thread(target=work, name="batches", daemon=True)
        thread.start()
        try:
            while True:
                item = ready.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stop.set()
            thread.join()


def ideal_crops(data: TrainingSet, names: Sequence[str], warp: bool = True) -> list[tuple[int, Crop, UInt8]]:
    """Row, centred crop and its pixels (unless `warp` is off: the whole picture) for each face: for validation."""
    rows = []
    for name in names:
        row, image, _ = data.face(name, flip=False)
        crop = crop_from_landmarks(data.table.shape[row], data.crop_size)
        rows.append((row, crop, crop.warp(image) if warp else image))
    return rows
