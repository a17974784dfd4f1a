"""The eye network learns where a drawn pupil is, from patches that are moved about; what is no face is left out."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from rdr_core.data.eye_patches import N_TOLD, PATCH_PX
from rdr_core.errors import ConfigError, DataError
from rdr_core.inference.eye_export import export_eyes
from rdr_core.inference.eyes import INPUTS, EyeReader
from rdr_core.inference.weights import load_predictor
from rdr_core.modeling.eye_network import EyeNetwork
from rdr_core.training.eyes import MARGIN_PX, EyeSamples, EyeTrainConfig, augmented, errors_of, look_at, train_eyes

QUICK = EyeTrainConfig(steps=60, batch_size=64, warmup=5, ema=0.9, every=30, threads=1)


def drawn(count: int, seed: int) -> EyeSamples:
    """White eyes with a dark pupil; both look the same way, lids come down from above."""
    rng = np.random.default_rng(seed)
    width, height = PATCH_PX
    y, x = np.indices((height + 2 * MARGIN_PX, width + 2 * MARGIN_PX), float)
    left, up, closed = rng.uniform(-1, 1, count), rng.uniform(-1, 1, count), rng.uniform(0, 1, count) ** 4
    truth = np.stack([np.stack([side * left, up, closed], 1) for side in (1, -1)], 1).astype(np.float32)
    middle = np.array([width, height]) / 2 + MARGIN_PX
    patches = np.full((count, 2, *x.shape, 3), 220, np.uint8)
    for face in range(count):
        for eye in range(2):
            outward, above, lid = truth[face, eye]
            far = np.hypot(x - middle[0] - 9 * outward, y - middle[1] + 6 * above)
            patches[face, eye][far < 5] = 20
            patches[face, eye][y < MARGIN_PX + lid * height] = 120
    return EyeSamples(patches, np.zeros((count, N_TOLD), np.float32), truth)


def test_it_learns_where_a_pupil_is() -> None:
    losses: list[float] = []
    training, held_out = drawn(512, 0), drawn(128, 1)
    _, errors = train_eyes(training, held_out, QUICK, lambda done, now: losses.append(now["loss"]))
    assert len(losses) == QUICK.steps
    assert errors["gaze"] < 0.6 * errors["gaze_told"]
    assert errors["gaze_told"] == pytest.approx(np.abs(held_out.truth[..., :2]).mean() / 2, rel=1e-4)


def test_the_same_seed_learns_the_same_and_time_is_kept() -> None:
    training, held_out = drawn(96, 0), drawn(32, 1)
    config = EyeTrainConfig(steps=4, batch_size=32, warmup=1, every=2, threads=1)
    one, other = (train_eyes(training, held_out, config)[0] for _ in range(2))
    for mine, theirs in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, theirs)
    steps: list[int] = []
    train_eyes(training, held_out, EyeTrainConfig(steps=10_000, threads=1), lambda n, _: steps.append(n), minutes=0.02)
    assert 0 < sum(steps) < 10_000


def test_ctrl_c_keeps_what_was_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    from rdr_core.training import eyes

    class Pressed:
        def __init__(self, action: object) -> None:
            self.action = action

        def __enter__(self) -> None:
            threading.Timer(0.5, self.action).start()  # type: ignore[arg-type]

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(eyes, "on_interrupt", Pressed)
    steps: list[int] = []
    config = EyeTrainConfig(steps=100_000, batch_size=32, threads=1)
    network, errors = train_eyes(drawn(64, 0), drawn(32, 1), config, lambda n, _: steps.append(n))
    assert 0 < len(steps) < config.steps
    assert np.isfinite(errors["gaze"])
    assert not network.training


def test_augmented_patches_lose_their_margin_and_stay_in_range() -> None:
    patches, _, _ = drawn(16, 0).batch(np.arange(16), torch.device("cpu"))
    seen = augmented(patches, torch.Generator().manual_seed(0))
    assert seen.shape == (16, 2, 3, PATCH_PX[1], PATCH_PX[0])
    assert seen.isfinite().all()
    assert seen.min() >= 0
    assert seen.max() <= 1
    assert (seen.std((1, 2, 3, 4)) > 0.02).all()


def test_pictures_without_a_face_are_left_out() -> None:
    nothing = [(np.zeros((64, 64, 3), np.uint8), None)] * 3
    seen: list[int] = []
    with pytest.raises(DataError, match="no face in any picture"):
        look_at(nothing, load_predictor(), 2, 0, lambda: seen.append(1))
    assert len(seen) == 3


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"peak_lr": 0.0}, {"looks": 0}, {"validation": 0}])
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="must be positive"):
        EyeTrainConfig(**wrong)  # type: ignore[arg-type]


def test_the_exported_network_says_the_same(tmp_path: Path) -> None:
    import onnxruntime as ort

    torch.manual_seed(0)
    network = EyeNetwork().eval()
    export_eyes(network, tmp_path / "eyes.onnx", {"licence": "open"})
    assert [path.name for path in tmp_path.iterdir()] == ["eyes.onnx"]
    assert EyeReader(tmp_path / "eyes.onnx").facts == {"licence": "open"}
    samples = drawn(5, 2)
    patches, told, _ = samples.batch(np.arange(5), torch.device("cpu"))
    patches = patches[..., MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX].contiguous()
    session = ort.InferenceSession(tmp_path / "eyes.onnx", providers=["CPUExecutionProvider"])
    (said,) = session.run(None, dict(zip(INPUTS, (patches.numpy(), told.numpy()), strict=True)))
    with torch.inference_mode():
        np.testing.assert_allclose(said, network(patches, told).numpy(), atol=2e-3)
    assert errors_of(network, samples)["gaze"] > 0
