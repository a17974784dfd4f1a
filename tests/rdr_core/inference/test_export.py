"""An exported network equals the one that it was made from, with and without torch; broken files are one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rdr_core.data.crop import Crop
from rdr_core.errors import AssetError, ConfigError
from rdr_core.inference.decode import OUTPUTS
from rdr_core.inference.export import export
from rdr_core.inference.onnx_runtime import OnnxPredictor
from rdr_core.inference.predictor import RDRPredictor
from rdr_core.inference.stored_tensors import read_header
from rdr_core.inference.weights import find_network, load_predictor
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.modeling.rdr import RDR
from rdr_core.training.checkpoint import load_checkpoint, prefixed, save_checkpoint

CROPS = [
    Crop(np.array([60.0, 50.0], np.float32), 70.0, 64, 0.2),
    Crop(np.array([90.0, 70.0], np.float32), 110.0, 64, -0.6),
    Crop(np.array([20.0, 90.0], np.float32), 40.0, 64, 3.0),
]


@pytest.fixture(scope="module")
def exported(tiny_config: RdrConfig, unsettle: Callable[[RDR], RDR], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Graph of a network whose batch norms, statistics and refinements are far from trivial, beside its weights."""
    import torch

    torch.manual_seed(3)
    network = build_rdr(tiny_config)
    network.refinement.pose_mean.copy_(torch.tensor([0.1, 0.0, 0.0, 0.5, 0.45, 0.0, 0.05]))
    network.refinement.pose_std.copy_(torch.tensor([0.2, 0.5, 0.2, 0.03, 0.03, 1.0, 0.005]))
    folder = tmp_path_factory.mktemp("export")
    save_checkpoint(
        folder / "trained.safetensors", tiny_config, prefixed("network.", unsettle(network)), {"licence": "x"}
    )
    stored, graph = export(folder / "trained.safetensors", folder / "net")
    assert (stored, graph) == (folder / "net.safetensors", folder / "net.onnx")
    return graph


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (140, 150, 3)).astype(np.uint8)


@pytest.mark.parametrize("count", [1, 3])
def test_onnxruntime_equals_torch(exported: Path, picture: np.ndarray, count: int) -> None:
    """To a thousandth of a crop pixel at every refinement step."""
    image = np.random.default_rng(count).integers(0, 256, (count, 64, 64, 3)).astype(np.uint8)
    ours, theirs = OnnxPredictor(exported).run(image), RDRPredictor(exported.with_suffix(".safetensors")).run(image)
    assert set(ours) == set(OUTPUTS)
    for name in OUTPUTS:
        assert ours[name].shape == theirs[name].shape
        assert ours[name].shape[0] == count
    for name in ("shapes", "projected_shapes", "landmarks_3d"):
        assert np.abs(ours[name] - theirs[name]).max() * 64 < 1e-3, name
    for name in ("pose", "alpha_exp", "alpha_id", "confidence"):
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-4)
    assert ours["shapes"].shape == (count, 3, 68, 2)
    assert np.abs(ours["shapes"][:, 2] - ours["shapes"][:, 1]).max() * 64 > 0.1  # the steps do differ


def test_predictions_agree_in_image_pixels(exported: Path, picture: np.ndarray) -> None:
    torch_free, reference = (
        load_predictor(weights=exported),
        load_predictor(weights=exported.with_suffix(".safetensors")),
    )
    assert torch_free.crop_size == reference.crop_size == 64
    for count in (1, 3):
        pairs = zip(torch_free.predict(picture, CROPS[:count]), reference.predict(picture, CROPS[:count]), strict=True)
        for ours, theirs in pairs:
            np.testing.assert_allclose(ours.shape, theirs.shape, atol=3e-3)
            np.testing.assert_allclose(ours.landmarks_3d, theirs.landmarks_3d, atol=3e-3)
            np.testing.assert_allclose(ours.pose.euler_rad, theirs.pose.euler_rad, atol=1e-4)
            assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-4)
    assert torch_free.predict(picture, []) == reference.predict(picture, []) == []


def test_a_batch_equals_single_crops(exported: Path, picture: np.ndarray) -> None:
    predictor = OnnxPredictor(exported)
    together = predictor.predict(picture, CROPS)
    for row, crop in enumerate(CROPS):
        (alone,) = predictor.predict(picture, [crop])
        np.testing.assert_allclose(together[row].shape, alone.shape, atol=3e-3)


def test_weights_are_stored_once_and_small(exported: Path) -> None:
    """The graph points into the safetensors file beside it: a byte a weight."""
    weights = exported.with_suffix(".safetensors")
    header, start = read_header(weights)
    assert {entry["dtype"] for entry in header.values()} == {"I8", "F32", "F16", "I64"}
    checkpoint = load_checkpoint(weights)
    assert checkpoint.info == {"licence": "x"}
    count = sum(t.numel() for name, t in checkpoint.tensors.items() if name.startswith("network."))
    subset = sum(4 * t.numel() for name, t in checkpoint.tensors.items() if name.startswith("constants."))
    assert 1_800_000 < subset < 2_000_000  # the landmark subset of the face model, in floats
    assert start + count <= weights.stat().st_size - subset <= start + 1.2 * count
    assert not any(".part" in file.name for file in exported.parent.iterdir())
    graph_size = exported.stat().st_size
    assert graph_size < 0.5 * count + 600_000


def copy_pair(exported: Path, folder: Path) -> Path:
    for source in (exported, exported.with_suffix(".safetensors")):
        (folder / source.name).write_bytes(source.read_bytes())
    return folder / exported.name


@pytest.mark.parametrize("kept", [0, 10, 1_000, -1_000])
@pytest.mark.parametrize("suffix", [".onnx", ".safetensors"])
def test_truncated_files(exported: Path, tmp_path: Path, suffix: str, kept: int) -> None:
    graph = copy_pair(exported, tmp_path)
    broken = graph.with_suffix(suffix)
    broken.write_bytes(broken.read_bytes()[:kept])
    with pytest.raises(AssetError, match="not a whole network") as caught:
        OnnxPredictor(graph)
    assert "\n" not in str(caught.value)
    if suffix == ".safetensors":
        with pytest.raises(AssetError, match="not a whole weights file"):
            RDRPredictor(broken)


def test_graph_without_its_weights(exported: Path, tmp_path: Path) -> None:
    graph = copy_pair(exported, tmp_path)
    graph.with_suffix(".safetensors").unlink()
    with pytest.raises(AssetError, match="not a whole network") as caught:
        OnnxPredictor(graph)
    assert "\n" not in str(caught.value)


def test_graphs_of_other_programs(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    with pytest.raises(AssetError, match="no such network; make it with rdr export"):
        OnnxPredictor(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(AssetError, match="not a whole network"):
        OnnxPredictor(tmp_path / "text.onnx")
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]) for name in ("image", "other")]
    node = helper.make_node("Identity", ["image"], ["other"])
    model = helper.make_model(
        helper.make_graph([node], "g", value[:1], value[1:]), opset_imports=[helper.make_opsetid("", 20)], ir_version=10
    )
    onnx.save_model(model, str(tmp_path / "other.onnx"))
    with pytest.raises(AssetError, match=r"outputs are \('other',\)"):
        OnnxPredictor(tmp_path / "other.onnx")


def test_export_of_a_broken_checkpoint_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"broken")
    with pytest.raises(AssetError, match="not a whole weights file"):
        export(tmp_path / "a.safetensors", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_export_does_not_overwrite_its_source(exported: Path, tmp_path: Path) -> None:
    source = tmp_path / "weights.safetensors"
    source.write_bytes(exported.with_name("trained.safetensors").read_bytes())
    with pytest.raises(ConfigError, match="would be overwritten"):
        export(source, tmp_path / "weights")
    assert source.read_bytes() == exported.with_name("trained.safetensors").read_bytes()


def test_onnx_path_imports_no_torch(exported: Path) -> None:
    """Live tracking works without torch: not even indirectly."""
    code = (
        "import sys\nfrom pathlib import Path\nimport numpy as np\n"
        "from rdr_core.data.crop import Crop\nfrom rdr_core.inference.weights import load_predictor\n"
        f"predictor = load_predictor(weights=Path({str(exported)!r}))\n"
        "crop = Crop(np.array([40, 40], np.float32), 60.0, 64)\n"
        "face = predictor.predict(np.zeros((90, 90, 3), np.uint8), [crop])[0]\n"
        "assert face.shape.shape == (68, 2)\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('torch', 'onnx', 'scipy')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, env=os.environ, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_finding_networks(tmp_path: Path) -> None:
    assert find_network("live", tmp_path / "mine.onnx") == tmp_path / "mine.onnx"
    with pytest.raises(AssetError, match="no huge network is shipped with the program"):
        find_network("huge")
    assert find_network("live", Path("research")) == find_network("live")
    with pytest.raises(AssetError, match=r"no paper network is shipped with the program \(open\)"):
        find_network("paper", Path("open"))


def test_shipped_network(shipped_network: Path) -> None:
    """It loads without torch and gives a face in the crop for a plain grey picture, with no confidence."""
    assert find_network("live") == shipped_network
    predictor = load_predictor(precision="float")
    crop = Crop(np.array([100, 100], np.float32), 150.0, predictor.crop_size)
    (face,) = predictor.predict(np.full((200, 200, 3), 128, np.uint8), [crop])
    assert np.isfinite(face.shape).all()
    assert 0 <= face.alpha_exp.min() <= face.alpha_exp.max() <= 1
    assert face.confidence < 0.5
    reference = load_predictor(weights=shipped_network.with_suffix(".safetensors"))
    image = np.random.default_rng(0).integers(0, 256, (2, predictor.crop_size, predictor.crop_size, 3)).astype(np.uint8)
    ours, theirs = predictor.run(image), reference.run(image)
    assert np.abs(ours["shapes"] - theirs["shapes"]).max() * predictor.crop_size < 2e-2
