"""The same inference in onnxruntime, for users' laptops: no torch is imported on this path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rdr_core.data.crop import Crop
from rdr_core.errors import AssetError
from rdr_core.inference.decode import OUTPUTS, decode, in_floats, in_pairs, network_input
from rdr_core.inference.precision import is_int8, weights_of
from rdr_core.types import FacePrediction, UInt8


class OnnxPredictor:
    """An exported network: NAME.onnx holds the graph, NAME.safetensors beside it the weights."""

    def __init__(self, graph: Path, threads: int = 1) -> None:
        """Load a graph; AssetError where it or its weights are missing, truncated or of another format."""
        import onnxruntime as ort

        if not graph.is_file():
            raise AssetError(f"{graph}: no such network; make it with rdr export")
        self.precision = "int8" if is_int8(graph) else "float"
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 4
        try:
            self.session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
            names = tuple(output.name for output in self.session.get_outputs())
            (taken,) = self.session.get_inputs()
            self._input, self._convert = (taken.name, in_floats if taken.name == "image" else in_pairs)
            self.crop_size = int(taken.shape[3] if taken.name == "image" else taken.shape[1])
        except Exception as error:  # onnxruntime raises many kinds, all of which mean an unusable file
            weights = weights_of(graph).name
            raise AssetError(
                f"{graph}: not a whole network; it and its weights, {weights} beside it, must be complete: "
                "install the program or export it again"
            ) from error
        if names != OUTPUTS:
            raise AssetError(f"{graph}: outputs are {names}, expected {OUTPUTS}; export it again with rdr export")

    def run(self, pixels: UInt8) -> dict[str, np.ndarray]:
        """(B, s, s, 3) BGR -> outputs, crop units (see `decode.OUTPUTS`)."""
        return dict(zip(OUTPUTS, self.session.run(None, {self._input: self._convert(pixels)}), strict=True))

    def predict(self, image_bgr: UInt8, crops: Sequence[Crop]) -> list[FacePrediction]:
        """Predict the face in each crop of a picture (H, W, 3) BGR; image px."""
        return decode(self.run(network_input(image_bgr, crops)), crops) if crops else []
