"""Shards of synthetic pictures: a pure function of seed and number, in whatever process."""

from __future__ import annotations

from pathlib import Path

import pytest

from rdr_core.data.shards import read_shard, write_shards
from rdr_core.synthesis.generate import ShardJob
from rdr_core.synthesis.scene import SceneConfig


def write(folder: Path, data: Path, jobs: int, seed: int = 3) -> list[bytes]:
    job = ShardJob(data, SceneConfig(64, per_person=4, samples=1), seed, shard_size=6)
    write_shards(
        folder, "s", job, 2, generator="test", config={}, seed=seed, licence="open", jobs=jobs
    )  # fmt: skip
    return [(folder / f"s-{number:06d}.tar").read_bytes() for number in range(2)]


@pytest.mark.usefixtures("headless_gl")
def test_processes_write_the_same_bytes_as_one(tmp_path: Path, face_model_data: Path) -> None:
    alone = write(tmp_path / "one", face_model_data, jobs=1)
    assert write(tmp_path / "two", face_model_data, jobs=2) == alone
    assert write(tmp_path / "other", face_model_data, jobs=1, seed=4) != alone
    samples = [sample for number in range(2) for sample in read_shard(tmp_path / "one" / f"s-{number:06d}.tar")]
    assert len({sample.key for sample in samples}) == 12
    assert all(sample.image().shape == (64, 64, 3) for sample in samples)
    assert len({sample.label.alpha_id.tobytes() for sample in samples if sample.label is not None}) == 3
