"""The networks that are shipped: under both licences, each with its card, none with pictures that it must not know."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from rdr_core.errors import AssetError
from rdr_core.inference.detector import FaceDetector, landmark_crop
from rdr_core.inference.weights import LICENCES, find_network, load_predictor, network_sha256
from rdr_core.types import UInt8

ASSETS = Path(str(files("rdr_core") / "assets"))


@pytest.fixture(scope="module")
def portrait() -> UInt8:
    data = pytest.importorskip("skimage.data", reason="scikit-image carries the picture")
    return np.ascontiguousarray(data.astronaut()[..., ::-1])


@pytest.mark.parametrize("licence", LICENCES)
def test_it_finds_the_landmarks_of_a_portrait(licence: str, portrait: UInt8) -> None:
    predictor = load_predictor("live", Path(licence))
    crop = landmark_crop(FaceDetector().detect(portrait)[0], predictor.crop_size)
    (face,) = predictor.predict(portrait, [crop])
    assert face.confidence > 0.9
    right_eye, left_eye = face.shape[36:42].mean(axis=0), face.shape[42:48].mean(axis=0)
    assert right_eye == pytest.approx([204, 102], abs=4)
    assert left_eye == pytest.approx([247, 104], abs=4)
    smile = [face.alpha_exp[index] for index in (27, 28)]
    assert min(smile) > 0.2, "Eileen Collins smiles"


@pytest.mark.parametrize(("licence", "written"), [("research", "research-only"), ("open", "open")])
def test_its_licence_is_written_into_it(licence: str, written: str) -> None:
    with safe_open(ASSETS / f"live_{licence}.safetensors", "np") as file:
        info = json.loads(file.metadata()["info"])
    assert info["licence"] == written
    card = (ASSETS / f"live_{licence}.md").read_text(encoding="utf-8")
    assert f"**Licence: {licence}" in card
    if licence == "open":
        assert len(info["data"]) == 1
        assert info["data"][0].startswith("shards synth:"), "rendered people, and nobody else"


def test_names_and_files(tmp_path: Path) -> None:
    assert find_network("live").name == "live_research.onnx"
    assert find_network("live", Path("open")).name == "live_open.onnx"
    assert find_network("live", tmp_path / "mine.onnx") == tmp_path / "mine.onnx"
    with pytest.raises(AssetError, match="no paper network is shipped"):
        find_network("paper")


def test_a_network_is_told_by_its_graph_and_its_weights(tmp_path: Path) -> None:
    graph, weights = tmp_path / "n.onnx", tmp_path / "n.safetensors"
    graph.write_bytes(b"graph")
    alone = network_sha256(graph)
    assert alone == hashlib.sha256(b"graph").hexdigest()
    weights.write_bytes(b"weights")
    assert network_sha256(graph) == hashlib.sha256(b"graphweights").hexdigest()
    assert network_sha256(weights) == hashlib.sha256(b"weights").hexdigest()
    with pytest.raises(AssetError, match="no such network"):
        network_sha256(tmp_path / "other.onnx")
