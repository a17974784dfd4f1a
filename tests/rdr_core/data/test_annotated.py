"""Annotated faces from manifests, published folders and shards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rdr_core.data.annotated import ShardFace, read_annotated
from rdr_core.data.label import FaceLabel
from rdr_core.data.shard import pack_shard
from rdr_core.errors import ConfigError, DataError
from rdr_core.types import Pose

POSE = Pose(np.array([0, 0.3, 0.1], np.float32), np.array([80, 85, 0], np.float32), 4.5)


@pytest.fixture(scope="module")
def drawn(draw_face: Any) -> tuple[np.ndarray, np.ndarray]:
    """A picture and its landmarks."""
    return draw_face(POSE)


def label_of(shape: np.ndarray) -> FaceLabel:
    depth = np.zeros((68, 1), np.float32)
    return FaceLabel(
        shape, shape, np.concatenate([shape, depth], axis=1), np.ones(68, bool), POSE.euler_rad, POSE.translation_px,
        4.5, np.zeros(50, np.float32), np.zeros(46, np.float32), 0.0,
    )  # fmt: skip


@pytest.fixture
def shards(tmp_path: Path, drawn: Any) -> list[Path]:
    """Two shards of two faces each; the first has a picture without a face between them."""
    picture, shape = drawn
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    grey = cv2.imencode(".jpg", np.full((160, 160, 3), 90, np.uint8))[1].tobytes()
    folder = tmp_path / "shards"
    folder.mkdir()
    paths = [folder / "faces-000000.tar", folder / "faces-000001.tar"]
    pack_shard(paths[0], [("a", jpeg, label_of(shape)), ("b", grey, None), ("c", jpeg, label_of(shape + 1))])
    pack_shard(paths[1], [("a", jpeg, label_of(shape + 2)), ("d", jpeg, label_of(shape + 3))])
    return paths


NAMES = ["faces-000000/a", "faces-000000/c", "faces-000001/a", "faces-000001/d"]


def test_shards_by_name_or_by_folder(shards: list[Path], drawn: Any) -> None:
    picture, shape = drawn
    for sources in (shards, [shards[0].parent]):
        faces = read_annotated(sources, "auto", "fail").samples
        assert [face.name for face in faces] == NAMES
        for number, face in enumerate(faces):
            np.testing.assert_allclose(face.shape, shape + number, atol=1e-3)
            assert isinstance(face, ShardFace)
            assert np.abs(face.read_image().astype(int) - picture).mean() < 6  # a JPEG of it


def test_a_damaged_shard_fails_or_is_skipped_by_name(shards: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    shards[0].write_bytes(b"no tar" * 1000)
    with pytest.raises(DataError, match=r"faces-000000\.tar"):
        read_annotated(shards, "auto", "fail")
    reading = read_annotated(shards, "auto", "skip")
    assert [face.name for face in reading.samples] == NAMES[2:]
    assert "faces-000000.tar" in caplog.text + str(reading.skipped)
    shutil.copy(shards[0], shards[1])
    with pytest.raises(DataError, match="no face in the shards"):
        read_annotated(shards, "auto", "skip")
    missing = shards[0].with_name("missing.tar")
    with pytest.raises(DataError, match=r"missing\.tar"):
        read_annotated([missing], "auto", "fail")


def test_a_broken_label_fails_or_is_skipped_by_name(shards: list[Path]) -> None:
    content = shards[1].read_bytes()
    assert content.count(b'"residual":') == 2
    shards[1].write_bytes(content.replace(b'"residual":', b'"residue_":', 1))
    with pytest.raises(DataError, match=r"faces-000001\.tar/a"):
        read_annotated(shards, "auto", "fail")
    reading = read_annotated(shards, "auto", "skip")
    assert [face.name for face in reading.samples] == [*NAMES[:2], NAMES[3]]
    ((path, reason),) = reading.skipped
    assert path == shards[1]
    assert "faces-000001.tar/a" in reason


def test_manifests(tmp_path: Path, drawn: Any) -> None:
    path = tmp_path / "faces.json"
    path.write_text(json.dumps([{"image": "a.png", "pts68": drawn[1].tolist(), "person": 7}]))
    (face,) = read_annotated([path], "auto", "fail").samples
    assert (face.name, face.person) == ("a.png", "7")
    np.testing.assert_allclose(face.shape, drawn[1], atol=1e-3)


def test_published_folders(tmp_path: Path, drawn: Any) -> None:
    picture, shape = drawn
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    lines = "\n".join(f"{x + 0.5} {y + 0.5}" for x, y in shape)
    (tmp_path / "a.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
    for layout in ("300w", "auto"):
        (face,) = read_annotated([tmp_path], layout, "fail").samples
        assert face.name == "a.png"
    np.testing.assert_allclose(face.shape, shape, atol=0.51)  # its pixels are counted from 1
    (tmp_path / "b.pts").write_text("no points")
    with pytest.raises(DataError, match=r"b\.pts"):
        read_annotated([tmp_path], "300w", "fail")
    assert [path.stem for path, _ in read_annotated([tmp_path], "300w", "skip").skipped] == ["b"]


def test_what_cannot_be_told(shards: list[Path], tmp_path: Path) -> None:
    manifest = tmp_path / "faces.json"
    manifest.write_text("[]")
    with pytest.raises(ConfigError, match="one manifest or one folder"):
        read_annotated([manifest, shards[0]], "auto", "fail")
    with pytest.raises(ConfigError, match="one manifest or one folder"):
        read_annotated([], "auto", "fail")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="300w"):  # lists the layouts
        read_annotated([tmp_path / "empty"], "auto", "fail")
    with pytest.raises(ConfigError, match="no folder, as --layout 300w needs"):
        read_annotated([manifest], "300w", "fail")
