from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from calibration.adapted import find_adapted, forget_adapted, record_path, save_adapted
from calibration.errors import AdaptationError
from calibration.sitting import Sitting
from calibration.store import UserStore
from calibration.teacher import mean_prediction
from rdr_core.types import FacePrediction, Pose

BASE = "b" * 64


def _write(out: Path) -> None:
    for ending in (".onnx", ".safetensors"):
        out.with_name(out.name + ending).write_bytes(b"network")


@pytest.fixture
def store(tmp_path: Path) -> UserStore:
    (tmp_path / "anna.npz").write_bytes(b"a face")
    return UserStore(tmp_path)


def _save(store: UserStore, write: Callable[[Path], object] = _write) -> None:
    save_adapted(store, "anna", write, hashlib.sha256(store.read("anna")).hexdigest(), BASE, {"licence": "open"})


def test_the_new_network_takes_the_place_of_the_former(store: UserStore) -> None:
    _save(store)
    first = find_adapted(store, "anna")
    _save(store)
    second = find_adapted(store, "anna")
    assert first is not None
    assert second is not None
    assert second.problem(store, "anna", BASE) == ""
    assert not first.network.exists()
    assert len(list(store.folder.glob("anna.adapted-*"))) == 2
    assert store.names() == ["anna"]


def test_an_end_meanwhile_leaves_the_former(store: UserStore) -> None:
    _save(store)
    before = find_adapted(store, "anna")

    def killed(out: Path) -> None:
        _write(out)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _save(store, killed)
    assert find_adapted(store, "anna") == before
    assert before is not None
    assert before.problem(store, "anna", BASE) == ""
    assert len(list(store.folder.glob("anna.adapted-*"))) == 2


def test_it_is_of_one_calibration_and_one_network(store: UserStore) -> None:
    _save(store)
    found = find_adapted(store, "anna")
    assert found is not None
    assert "another network" in found.problem(store, "anna", "c" * 64)
    store.path("anna").write_bytes(b"another face")
    assert "calibrated anew" in found.problem(store, "anna", BASE)
    assert forget_adapted(store, "anna")
    assert find_adapted(store, "anna") is None
    assert not list(store.folder.glob("anna.adapted*"))


@pytest.mark.parametrize("content", ["", "[]", '{"schema_version": 9}', '{"schema_version":1,"network":"../x"}'])
def test_a_damaged_record_is_named(store: UserStore, content: str) -> None:
    record_path(store, "anna").write_text(content)
    with pytest.raises(AdaptationError, match=r"anna\.adapted\.json: not a whole record"):
        find_adapted(store, "anna")


def _prediction(x: float, confidence: float = 1.0, yaw: float = 0.0) -> FacePrediction:
    rng = np.random.default_rng(0)
    shape = (rng.uniform(50, 150, (68, 2)) + [x, 0]).astype(np.float32)
    pose = Pose(np.array([0, yaw, 0], np.float32), np.array([x, 0, 0], np.float32), 10.0)
    points = np.concatenate([shape, np.zeros((68, 1), np.float32)], axis=1)
    return FacePrediction(shape, shape, points, pose, np.zeros(46, np.float32), np.zeros(50, np.float32), confidence)


def test_a_mean_counts_by_confidence_and_crosses_the_turn() -> None:
    mean = mean_prediction([_prediction(0, 0.25, np.pi - 0.1), _prediction(4, 0.75, -np.pi + 0.1)], np.ones(2))
    np.testing.assert_allclose(mean.shape, _prediction(3).shape, atol=1e-4)
    assert np.pi - 0.1 < mean.pose.euler_rad[1] < np.pi + 0.1


def test_a_sitting_is_bounded_and_its_parts_lie_apart_in_time() -> None:
    sitting, picture = Sitting(most=60), np.zeros((200, 200, 3), np.uint8)
    for frame in range(1000):
        sitting.add(picture, frame * 40_000_000, _prediction(0))
    sitting.add(picture, 10**12, _prediction(0, confidence=0.2))
    assert len(sitting.seen) == 1000
    assert 30 <= len(sitting.kept) <= 60
    learn, held = sitting.split()
    times = np.array([sitting.seen[kept.at].time_ns for kept in sitting.kept])
    assert len(held) >= 6
    assert len(learn) > 2 * len(held)
    assert np.abs(times[learn][:, None] - times[held]).min() >= 0.5e9
