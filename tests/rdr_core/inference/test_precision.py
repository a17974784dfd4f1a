"""A machine runs what is faster on it and right, and finds that out once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rdr_core.errors import AssetError
from rdr_core.inference import precision
from rdr_core.inference.onnx_runtime import OnnxPredictor
from rdr_core.inference.precision import choose_graph, compare, int8_graph, is_int8, made_up_picture, weights_of
from rdr_core.inference.weights import load_predictor


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(precision, "_memory", lambda: tmp_path / "cache" / "precision.json")
    return tmp_path / "cache" / "precision.json"


def test_names() -> None:
    graph = Path("a/live.v2.onnx")
    assert int8_graph(graph) == Path("a/live.v2.int8.onnx")
    assert is_int8(int8_graph(graph))
    assert not is_int8(graph)
    assert weights_of(graph) == weights_of(int8_graph(graph)) == Path("a/live.v2.safetensors")


def test_what_is_asked_for(shipped_network: Path, memory: Path) -> None:
    assert choose_graph(shipped_network, "float") == shipped_network
    assert choose_graph(shipped_network, "int8") == int8_graph(shipped_network)
    assert not memory.exists()  # nothing had to be found out
    assert load_predictor(precision="float").precision == "float"
    assert load_predictor(precision="int8").precision == "int8"


def test_what_is_found_out_is_remembered(shipped_network: Path, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(precision, "compare", lambda graph, small: asked.append(small) or True)
    assert choose_graph(shipped_network) == int8_graph(shipped_network)
    assert choose_graph(shipped_network) == int8_graph(shipped_network)
    assert asked == [int8_graph(shipped_network)]
    known = json.loads(memory.read_text())
    assert list(known.values()) == [True]
    memory.write_text(json.dumps(dict.fromkeys(known, False)))
    assert choose_graph(shipped_network) == shipped_network


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": 3}', "\x00"])
def test_a_broken_memory_is_none(
    shipped_network: Path, memory: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    memory.parent.mkdir()
    memory.write_text(content)
    monkeypatch.setattr(precision, "compare", lambda graph, small: False)
    assert choose_graph(shipped_network) == shipped_network
    assert list(json.loads(memory.read_text()).values()) == [False]


def test_a_network_without_bytes(shipped_network: Path, tmp_path: Path, memory: Path) -> None:
    for path in (shipped_network, weights_of(shipped_network)):
        (tmp_path / path.name).symlink_to(path)
    graph = tmp_path / shipped_network.name
    assert choose_graph(graph) == graph
    with pytest.raises(AssetError, match=r"has no graph in bytes.*rdr quantize"):
        choose_graph(graph, "int8")


def test_bytes_that_say_something_else_are_not_taken(shipped_network: Path, tmp_path: Path) -> None:
    """The graph of the other licence is as fast, and another network."""
    other = shipped_network.with_name("live_open.onnx")
    assert not compare(shipped_network, int8_graph(other))


def test_the_shipped_bytes_agree_on_the_made_up_picture(shipped_network: Path) -> None:
    picture = made_up_picture(128)
    assert picture.shape == (1, 128, 128, 3)
    assert picture.dtype == np.uint8
    assert picture.min() < 77 < 178 < picture.max()
    shapes = [OnnxPredictor(g).run(picture)["shapes"] for g in (shipped_network, int8_graph(shipped_network))]
    assert np.abs(shapes[0] - shapes[1]).max() < 0.01  # twice as near as is asked for
