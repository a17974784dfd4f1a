"""Batches: repeatable, and targets follow the pixels through jitter and flips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from rdr_core.data.augment import AugmentConfig, Stray
from rdr_core.data.crop import Crop
from rdr_core.data.sample import FaceSample
from rdr_core.errors import DataError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.landmarks import MIRROR
from rdr_core.modeling.face_projection import FaceProjection
from rdr_core.training.batches import Batch, Sampler, ideal_crop, network_pixels, pose_in_crop
from rdr_core.training.sources import FittedFaces, Source, flip_image

SIZE = 64
STILL = Stray(1, 0, 0, 0, upright=0)
PLAIN = AugmentConfig(flip=0, blur=0, gray=0, occlusion=0)
DOT = 36
"""Outer corner of the subject's right eye: its mirror is another landmark."""


@pytest.fixture
def data(drawn_faces: Any) -> FittedFaces:
    return FittedFaces(drawn_faces.samples, drawn_faces.fits)


@pytest.fixture
def dotted(drawn_faces: Any, tmp_path: Path) -> FittedFaces:
    """The same faces as black pictures with one white dot each, at landmark DOT."""
    samples = []
    for row, sample in enumerate(drawn_faces.samples):
        picture = np.zeros((160, 160, 3), np.uint8)
        place = ((drawn_faces.exact.shape[row, DOT] - 0.5) * 16).round().astype(int)
        cv2.circle(picture, place.tolist(), 3 * 16, (255, 255, 255), -1, cv2.LINE_AA, 4)
        cv2.imwrite(str(tmp_path / sample.name), picture)
        samples.append(FaceSample(sample.name, tmp_path / sample.name))
    return FittedFaces(samples, drawn_faces.fits)


def sampler_of(
    data: Source, augment: AugmentConfig, batch_size: int, no_face: float, seed: int, backgrounds: Any = ()
) -> Sampler:
    return Sampler(
        [(data, 1.0)], backgrounds, augment, crop_size=SIZE, batch_size=batch_size, no_face=no_face, seed=seed
    )


def found_dots(batch: Batch) -> np.ndarray:
    """(B, 2) centre of the light in each crop, crop px."""
    light = batch.image.double().mean(1).numpy()
    light = np.maximum(light - (light.min(axis=(1, 2)) + light.max(axis=(1, 2)))[:, None, None] / 2, 0)
    x, y = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    return np.stack([(light * x).sum((1, 2)), (light * y).sum((1, 2))], axis=1) / light.sum((1, 2))[:, None]


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_targets_follow_the_pixels(dotted: FittedFaces, flip: float) -> None:
    """A dot drawn at a landmark is found where S* says after shift, scale, rotation and flip."""
    sampler = sampler_of(dotted, replace(PLAIN, flip=flip), batch_size=8, no_face=0, seed=3)
    landmark = MIRROR[DOT] if flip else DOT
    for number in range(6):
        batch = sampler.batch(number)
        expected = batch.shape[:, landmark].numpy() * SIZE
        inside = ((expected > 4) & (expected < SIZE - 4)).all(axis=1)
        assert inside.sum() >= 6
        assert np.abs(found_dots(batch) - expected)[inside].max() < 0.6


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_pose_follows_the_pixels(data: FittedFaces, face_model: DynamicExpressionModel, flip: float) -> None:
    """The face model posed by P*, alpha* lands on S* in every crop."""
    sampler = sampler_of(data, replace(PLAIN, flip=flip), batch_size=8, no_face=0, seed=1)
    projection = FaceProjection(face_model)
    for number in range(3):
        batch = sampler.batch(number)
        blendshapes = projection.blendshapes(batch.alpha_id)
        vertices = projection.vertices(blendshapes, batch.pose, batch.alpha_exp)
        error = (projection.projected_shape(vertices) - batch.shape).norm(dim=2).mean(1)
        assert error.max() < 0.012  # the fits' own error


def test_exact_pose_in_turned_crops(drawn_faces: Any, face_model: DynamicExpressionModel) -> None:
    exact, projection = drawn_faces.exact, FaceProjection(face_model)
    for row, roll in enumerate((-3.0, -1.0, 0.0, 0.7, 2.0)):
        crop = Crop(np.array([70.0, 90.0], np.float32), 120.0, SIZE, roll)
        pose = pose_in_crop(exact.euler_rad[row], exact.translation_px[row], exact.scale_px_per_cm[row], crop)
        q = (torch.from_numpy(a[None]) for a in (exact.alpha_id[row], pose, exact.alpha_exp[row]))
        alpha_id, p, alpha_exp = q
        vertices = projection.vertices(projection.blendshapes(alpha_id), p, alpha_exp)
        inner = projection.projected_shape(vertices)[0, 17:].numpy()
        expected = crop.points_to_crop(exact.shape[row])[17:] / SIZE
        np.testing.assert_allclose(inner, expected, atol=1e-3)


def test_same_seed_and_number_same_batch(data: FittedFaces) -> None:
    backgrounds = [np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)]
    one, same, other = (sampler_of(data, AugmentConfig(), 4, 0.3, seed, backgrounds) for seed in (5, 5, 6))
    for name in Batch.__dataclass_fields__:
        torch.testing.assert_close(getattr(one.batch(7), name), getattr(same.batch(7), name), rtol=0, atol=0)
    assert not torch.equal(one.batch(7).image, one.batch(8).image)
    assert not torch.equal(one.batch(7).image, other.batch(7).image)


def test_an_epoch_shows_every_face_once(data: FittedFaces) -> None:
    sampler = sampler_of(data, replace(PLAIN, tracked=STILL, detected=STILL, loose=STILL), 4, 0, 0)
    for epoch in range(2):
        identities = torch.cat([sampler.batch(2 * epoch + half).alpha_id for half in range(2)])
        assert len(torch.unique(identities, dim=0)) == 8


def test_shapes_types_and_ranges(data: FittedFaces) -> None:
    batch = sampler_of(data, AugmentConfig(), 5, 0.2, 0).batch(0)
    assert [tuple(getattr(batch, n).shape) for n in Batch.__dataclass_fields__] == [
        (5, 3, SIZE, SIZE), (5,), (5, 68, 2), (5, 68, 2), (5, 7), (5, 50), (5, 46), (5,)
    ]  # fmt: skip
    kinds = {name: getattr(batch, name).dtype for name in Batch.__dataclass_fields__}
    assert kinds.pop("image") == torch.uint8
    assert set(kinds.values()) == {torch.float32}
    pixels = network_pixels(batch.image)
    assert pixels.dtype == torch.float32
    assert 0 <= pixels.min() < 0.5 < pixels.max() <= 1
    for image in (batch.image, pixels):
        assert image.is_contiguous(memory_format=torch.channels_last)
    assert (batch.pose[:, 5] == 0).all()


def test_pictures_are_rgb(drawn_faces: Any, tmp_path: Path) -> None:
    sample = drawn_faces.samples[0]
    cv2.imwrite(str(tmp_path / sample.name), np.full((160, 160, 3), (0, 0, 200), np.uint8))  # red, as BGR
    only = drawn_faces.exact.where(drawn_faces.exact.names == sample.name)
    data = FittedFaces([FaceSample(sample.name, tmp_path / sample.name)], only)
    red, green, blue = sampler_of(data, PLAIN, 1, 0, 0).batch(0).image[0, :, 28:36, 28:36].float().mean((1, 2))
    assert red > max(green, blue) + 80


def test_share_of_crops_without_a_face(data: FittedFaces) -> None:
    sampler = sampler_of(data, AugmentConfig(), 8, 0.5, 0, [np.zeros((100, 200, 3), np.uint8)])
    is_face = torch.cat([sampler.batch(number).is_face for number in range(12)])
    assert set(is_face.tolist()) == {0.0, 1.0}
    assert 0.35 < is_face.mean() < 0.65


def test_flips_need_their_fit(drawn_faces: Any) -> None:
    """Where the table has no mirrored rows, faces are shown as they are."""
    data = FittedFaces(drawn_faces.samples, drawn_faces.exact)
    (image, label), (same, _) = data.picture(3, flip=True), data.picture(3, flip=False)
    assert image is same
    np.testing.assert_array_equal(label.shape, drawn_faces.exact.shape[3])


def test_flip() -> None:
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    np.testing.assert_array_equal(flip_image(picture)[:, 0], picture[:, -1])
    np.testing.assert_array_equal(flip_image(flip_image(picture)), picture)


def test_ideal_crops_are_centred(data: FittedFaces) -> None:
    for position in range(len(data)):
        image, label = data.picture(position, flip=False)
        crop = ideal_crop(label, SIZE)
        inside = crop.points_to_crop(label.shape)
        np.testing.assert_allclose((inside.max(axis=0) + inside.min(axis=0)) / 2, SIZE / 2, atol=0.05)
        assert crop.warp(image).shape == (SIZE, SIZE, 3)


def test_table_of_other_faces(drawn_faces: Any) -> None:
    with pytest.raises(DataError, match="1 fitted faces are not in the data set"):
        FittedFaces(drawn_faces.samples[1:], drawn_faces.fits)
    with pytest.raises(DataError, match="0 fitted faces"):
        FittedFaces(drawn_faces.samples, drawn_faces.fits.where(np.zeros(16, bool)))
