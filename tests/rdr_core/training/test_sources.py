"""Sources: each epoch shows every picture once, whoever draws it; held-out pictures never; broken ones by choice."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rdr_core.data.augment import AugmentConfig
from rdr_core.data.shard import Member
from rdr_core.data.shard_set import ShardSet
from rdr_core.errors import ConfigError, DataError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.training import sources as module
from rdr_core.training.batches import Batch, Sampler
from rdr_core.training.sources import FittedFaces, ShardFaces, Source

SIZE = 64


@pytest.fixture
def fitted(drawn_faces: Any) -> FittedFaces:
    return FittedFaces(drawn_faces.samples, drawn_faces.fits)


@pytest.fixture
def shards(write_set: Any, tmp_path: Path) -> Any:
    source = ShardFaces(ShardSet.open(str(write_set(tmp_path / "set"))))
    yield source
    source.close()


def sampler_of(*sources: tuple[Source, float], batch_size: int = 4, **more: Any) -> Sampler:
    settings: dict[str, Any] = {"crop_size": SIZE, "no_face": 0.2, "seed": 5} | more
    return Sampler(sources, (), AugmentConfig(), batch_size=batch_size, **settings)


def same(one: Batch, other: Batch) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in Batch.__dataclass_fields__)


class Seen(ShardFaces):
    """Notes what is drawn."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.positions: list[int] = []

    def picture(self, position: int, flip: bool) -> Any:
        self.positions.append(position)
        return super().picture(position, flip)


@pytest.mark.parametrize(("world", "batch_size"), [(1, 5), (2, 3), (3, 4)])
def test_ranks_together_show_every_sample_once_an_epoch(
    world: int, batch_size: int, write_set: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OPEN_SHARDS", 2)
    shards = ShardSet.open(str(write_set(tmp_path)))
    large = sampler_of((ShardFaces(shards), 1), batch_size=world * batch_size)
    drawn, batches = [], []
    ranks = [Seen(shards) for _ in range(world)]
    for rank, source in enumerate(ranks):
        sampler = sampler_of((source, 1), batch_size=batch_size, rank=rank, world=world)
        batches.append([sampler.batch(number) for number in range(8)])
        drawn.append(np.array(source.positions).reshape(8, batch_size))
        sampler.close()
    stream = np.stack(drawn, axis=1).ravel()
    for epoch in range(len(stream) // 12):
        assert sorted(stream[12 * epoch : 12 * epoch + 12]) == list(range(12))
    assert list(stream[:12]) != list(stream[12:24])
    whole = large.batch(2).image  # the ranks' batches are the parts of one large batch
    np.testing.assert_array_equal(whole, np.concatenate([parts[2].image for parts in batches]))
    large.close()


def test_samples_of_open_shards_are_shuffled_together(shards: ShardFaces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_SHARDS", 2)
    switches = []
    for seed in range(20):
        order = shards.order(np.random.default_rng(seed))
        assert sorted(order) == list(range(12))
        shard = np.searchsorted([5, 9, 12], order, side="right")
        alone = (5, 4, 3)[shard[-1]]  # samples of the third shard, which is shuffled by itself
        assert set(shard[-alone:]) == {shard[-1]}
        assert shard[-1] not in shard[:-alone]
        switches.append((np.diff(shard[:-alone]) != 0).sum())
    assert np.mean(switches) > 3  # of 7 to 9 samples of two shards, in any order


def test_targets_of_shards_are_exact(shards: ShardFaces, face_model: DynamicExpressionModel) -> None:
    """The face model posed by P*, alpha* lands on the inner landmarks of S* in every augmented crop."""
    import torch

    from rdr_core.modeling.face_projection import FaceProjection

    projection = FaceProjection(face_model)
    sampler = sampler_of((shards, 1), batch_size=8, no_face=0.0)
    for number in range(3):
        batch = sampler.batch(number)
        vertices = projection.vertices(projection.blendshapes(batch.alpha_id), batch.pose, batch.alpha_exp)
        error = (projection.projected_shape(vertices) - batch.shape).norm(dim=2)[:, 17:]
        face = batch.is_face == 1
        assert error[face].max() < 1e-3
        for name in ("shape", "pose", "alpha_id", "alpha_exp"):
            assert not torch.any(getattr(batch, name)[~face])


def test_pictures_without_a_face(shards: ShardFaces) -> None:
    sampler = sampler_of((shards, 1), batch_size=12, no_face=0.0)
    for number in range(3):
        assert sampler.batch(number).is_face.sum() == 10


def test_shard_pictures_are_never_flipped(shards: ShardFaces, members: list[Member]) -> None:
    image, label = shards.picture(2, flip=True)
    expected, _ = shards.picture(2, flip=False)
    np.testing.assert_array_equal(image, expected)
    assert label is not None
    assert members[2][2] is not None
    np.testing.assert_allclose(label.shape, members[2][2].shape, atol=1e-3)


def test_shares_of_a_mixture(fitted: FittedFaces, shards: ShardFaces) -> None:
    """Real faces have fits of 8 identities, drawn ones of 10: rows are told apart by them."""
    sampler = sampler_of((fitted, 0.25), (shards, 0.75), batch_size=40, no_face=0.0)
    real = {label.alpha_id.tobytes() for flip in (False, True) for label in [fitted.picture(0, flip)[1]] if label}
    for position in range(len(fitted)):
        for flip in (False, True):
            label = fitted.picture(position, flip)[1]
            assert label is not None
            real.add(label.alpha_id.tobytes())
    for number in range(3):
        batch = sampler.batch(number)
        assert sum(row.numpy().tobytes() in real for row in batch.alpha_id) == 10


def test_a_batch_depends_on_its_number_alone(fitted: FittedFaces, shards: ShardFaces) -> None:
    one, other = (sampler_of((fitted, 1), (shards, 1)) for _ in range(2))
    in_order = [one.batch(number) for number in range(6)]
    for number in (5, 0, 3):
        assert same(other.batch(number), in_order[number])
    sent = pickle.loads(pickle.dumps(one))  # as to a process
    assert same(sent.batch(4), in_order[4])
    sent.close()
    assert not same(in_order[0], in_order[1])
    assert not same(sampler_of((fitted, 1), (shards, 1), seed=6).batch(0), in_order[0])


def test_going_on_in_the_middle_reads_only_what_it_shows(
    write_set: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OPEN_SHARDS", 1)
    source = ShardFaces(ShardSet.open(str(write_set(tmp_path))))
    sampler = sampler_of((source, 1), batch_size=1)
    sampler.close()
    sampler.row(11)
    assert len(source._open) == 1  # the last shard of the epoch, and no other
    sampler.close()


def test_held_out_faces_do_not_train(fitted: FittedFaces, shards: ShardFaces) -> None:
    training, held_out = fitted.hold_out(3, seed=1)
    assert len(held_out) == 3
    assert len(training) == 5
    names = {label.source for _, label in held_out}
    shown = {label.source for p in range(5) if (label := training.label(p))}
    assert names | shown == set(fitted.names)
    assert not names & shown
    assert {label.source for _, label in fitted.hold_out(3, seed=1)[1]} == names
    rest, faces = shards.hold_out(4, seed=0)
    assert (len(rest), len(faces)) == (8, 3)  # the last of the twelve shows none
    for seed in range(5):
        assert sorted(rest.order(np.random.default_rng(seed))) == list(range(8))
    for source, count in ((fitted, 8), (shards, 12)):
        with pytest.raises(ConfigError, match=f"{count} faces are to be held out, but"):
            source.hold_out(count, seed=0)
    with pytest.raises(ConfigError, match="the last 1 samples of the shards show no face"):
        shards.hold_out(1, seed=0)


def test_broken_shards_and_samples(write_set: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A lost shard, one cut short and a picture that is none: named, and either fatal or replaced."""
    found = ShardSet.open(str(write_set(tmp_path)))
    first, second, third = (Path(file.where) for file in found.files)
    first.unlink()
    second.write_bytes(second.read_bytes()[:-13_000])
    content = third.read_bytes()
    third.write_bytes(content.replace(b"\xff\xd8\xff\xe0", b"\xff\xd8\x00\x00", 1))
    with pytest.raises(DataError, match=r"drawn-000000\.tar: no shard that can be read"):
        sampler_of((ShardFaces(found), 1), batch_size=12).batch(0)
    source = ShardFaces(found, on_broken="skip")
    sampler = sampler_of((source, 1), batch_size=12, no_face=0.0)
    with caplog.at_level(logging.WARNING):
        once, again = sampler.batch(0), sampler.batch(0)
    assert same(once, again)
    named = [record.getMessage() for record in caplog.records]
    for path in (first, second, third):
        assert sum(path.name in message for message in named) == 1, named
    sampler.close()
    for path in (second, third):
        path.unlink()
    with pytest.raises(DataError, match="no sample of the shards can be read"):
        source.picture(0, False)


def test_labels_of_different_face_models(shards: ShardFaces, drawn_faces: Any) -> None:
    from dataclasses import replace

    other = replace(drawn_faces.exact, alpha_id=drawn_faces.exact.alpha_id[:, :9])
    sampler = sampler_of((shards, 1), (FittedFaces(drawn_faces.samples, other), 1), no_face=0.0)
    with pytest.raises(DataError, match="`alpha_id` has 9 numbers in one training label and 50 in another"):
        sampler.batch(0)
    sampler.close()
