"""Tensors of a safetensors file as external data of ONNX graphs: several graphs of a network share its weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rdr_core.training.compact import BYTES, STEP

if TYPE_CHECKING:
    import onnx

LARGE: Final = 4096
"""Tensors of fewer entries stay in the graph."""
_DTYPES: Final = {"I8": np.int8, "F16": np.float16, "F32": np.float32}


@dataclass(frozen=True, eq=False)
class Stored:
    """One tensor of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    """Of its first byte in the file."""
    values: np.ndarray


def read_header(path: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """Tensor table of a safetensors file and where its data starts."""
    with path.open("rb") as file:
        length = int(np.frombuffer(file.read(8), "<u8")[0])
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return header, 8 + length


class StoredTensors:
    """A safetensors file that lies beside the graphs."""

    def __init__(self, path: Path) -> None:
        header, start = read_header(path)
        data = np.fromfile(path, np.uint8)
        self.file = path.name
        self._tensors = {}
        for name, entry in header.items():
            if entry["dtype"] in _DTYPES:
                begin, end = (start + offset for offset in entry["data_offsets"])
                values = data[begin:end].view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
                self._tensors[name] = Stored(name, entry["dtype"], tuple(entry["shape"]), begin, values)

    def share(self, model: onnx.ModelProto) -> list[onnx.TensorProto]:
        """Replace large tensors of a graph by references to the equal ones of the file.

        Those are widened, reshaped or turned when the graph is loaded. Returns the large ones that are not in the file.
        """
        from onnx import TensorProto, numpy_helper

        graph = model.graph
        kept, nodes, alone = [], [], []
        referred: dict[str, TensorProto] = {}
        for tensor in graph.initializer:
            if int(np.prod(tensor.dims)) < LARGE:
                kept.append(tensor)
                continue
            made = self._make(tensor.name, numpy_helper.to_array(tensor), referred)
            if made:
                nodes += made
            else:
                kept.append(tensor)
                alone.append(tensor)
        nodes += graph.node
        del graph.initializer[:], graph.node[:], graph.value_info[:]
        graph.initializer.extend([*kept, *referred.values()])
        graph.node.extend(nodes)
        return alone

    def _make(self, name: str, values: np.ndarray, referred: dict[str, Any]) -> list[Any]:
        """Return the nodes that make a graph's tensor of the file's; none where the file has no such."""
        from onnx import helper

        for stored in self._tensors.values():
            if stored.values.size != values.size:
                continue
            whole, widen = self._widened(stored, values.dtype)
            turned = whole.ndim == values.ndim == 2 and whole.shape == values.shape[::-1]
            for change, candidate in (("", whole), ("Transpose", whole.T if turned else None)):
                if candidate is None or not np.array_equal(candidate.ravel(), values.ravel()):
                    continue
                nodes, last = widen(name, referred)
                if change:
                    nodes.append(helper.make_node(change, [last], [name]))
                else:
                    shape = helper.make_node("Constant", [], [name + ".shape"], value_ints=list(values.shape))
                    nodes += [shape, helper.make_node("Reshape", [last, name + ".shape"], [name])]
                return nodes
        return []

    def _widened(self, stored: Stored, dtype: np.dtype) -> tuple[np.ndarray, Any]:
        """Return a stored tensor in the type that a graph wants, and what writes the nodes that make it so."""
        from onnx import TensorProto, helper

        def direct(name: str, referred: dict[str, Any]) -> tuple[list[Any], str]:
            return [], self._refer(stored, referred)

        def half(name: str, referred: dict[str, Any]) -> tuple[list[Any], str]:
            source = self._refer(stored, referred)
            return [helper.make_node("Cast", [source], [name + ".wide"], to=TensorProto.FLOAT)], name + ".wide"

        def steps(name: str, referred: dict[str, Any]) -> tuple[list[Any], str]:
            nodes, wide = half(name, referred)
            step = self._refer(self._tensors[stored.name.removesuffix(BYTES) + STEP], referred)
            return [*nodes, helper.make_node("Mul", [wide, step], [name + ".whole"])], name + ".whole"

        if stored.values.dtype == dtype:
            return stored.values, direct
        if dtype != np.float32:
            return np.empty(0), direct
        if stored.name.endswith(BYTES):
            step = self._tensors[stored.name.removesuffix(BYTES) + STEP]
            return stored.values.astype(np.float32) * step.values, steps
        return stored.values.astype(np.float32), half

    def _refer(self, stored: Stored, referred: dict[str, Any]) -> str:
        """Return the name of the graph's reference to a stored tensor."""
        from onnx import TensorProto

        types = {"I8": TensorProto.INT8, "F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT}
        name = stored.name + ".stored"
        if name not in referred:
            tensor = TensorProto(name=name, data_type=types[stored.dtype], dims=stored.shape)
            tensor.data_location = TensorProto.EXTERNAL
            place = {"location": self.file, "offset": stored.offset, "length": stored.values.nbytes}
            for key, value in place.items():
                tensor.external_data.add(key=key, value=str(value))
            referred[name] = tensor
        return name
