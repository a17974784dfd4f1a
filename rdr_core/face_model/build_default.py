"""Derive the shipped face model from ICT-FaceKit (MIT): `python -m rdr_core.face_model.build_default`.

ICT-FaceKit is additive: every identity has the same expressions. Here each sampled identity gets its own by deformation
transfer from the mean face and lids and lips that meet; a HOSVD along identity makes the bilinear core tensor of
Eq. (2) from the samples.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rdr_core.errors import AssetError, RdrError
from rdr_core.face_model.closing import Closing
from rdr_core.face_model.core_tensor import CoreTensor, compress, decompose
from rdr_core.face_model.dynamic_expression_model import Accessories, DynamicExpressionModel
from rdr_core.face_model.topology import build_topology
from rdr_core.types import Float32

logger = logging.getLogger(__name__)

N_IDENTITY = 50
N_SAMPLES = 160
FACE_RANK = 120
ACCESSORY_RANK = 24
N_FACE_VERTICES = 11248
"""ICT's face, head and neck; what follows are eyes and mouth."""
_INNER_LANDMARKS = (
    [258, 388, 1032, 2036, 2003, 4203, 4232, 3252, 2629, 2499, 978, 4527, 4840, 4841, 1267, 2087, 1178, 4281, 3485]
    + [6631, 1576, 1573, 1528, 1558, 581, 3742, 3787, 3790, 6589, 2822, 3772, 519, 5634, 6043, 5524, 6547, 6139, 2760]
    + [6346, 6480, 5518, 5976, 5841, 5599, 5762, 5533, 6267, 6104, 6485, 5538, 5981]
)
"""Vertices of landmarks 17-67. ICT's own lie up to 0.3 cm from where annotators of 300-W click; these were moved
along the surface until the mean residual of neutral-browed fits to frontal faces fell from 0.17 to 0.06 cm."""
_JAW_LANDMARKS = (
    [1883, 1888, 1052, 367, 1719, 1721, 2199, 1442, 969, 3656, 4390, 3926, 3924, 2608, 3272, 4088, 4083]
)  # fmt: skip
"""Where annotators of 300-W see landmarks 0-16 on the outline of a face from the front, one vertex of each parallel
line: ICT's own, moved along the outline until the mean residual of fits to its training set fell."""
_OWN_LANDMARKS = (
    [8160, 7873, 7438, 7890, 823, 1831, 790, 2197, 969, 4388, 3031, 4033, 3064, 7163, 6711, 7146, 8436]
    + [269, 1010, 1032, 1415, 1995, 4195, 3629, 3252, 3230, 2510, 1307, 979, 4839, 4841, 68, 2088, 5]
    + [4282, 2309, 1546, 691, 617, 630, 591, 1552, 2871, 2858, 2932, 3760, 3766, 2832, 5927, 5665, 2069]
    + [0, 4263, 6170, 6432, 6330, 6481, 5945, 5977, 5825, 5561, 5709, 5527, 6214, 6066, 6485, 5517, 5981]
)  # fmt: skip
"""The 68 points of the head itself, hidden or not. Three-dimensional annotations place the jaw on the bone up to below
the ear, 2 cm behind ICT's landmarks, the inner ends of the brows farther apart, the bridge of the nose lower: these
vertices lie nearest to both truths of AFLW2000-3D's development part, over fits to all of its landmarks."""
_EYEBALLS = (range(22221, 23021), range(23791, 24591))
"""The inner balls: the shell around them is opaque and would hide the iris."""
_PART_COLORS = {
    2: (0.2, 0.06, 0.06),
    3: (0.5, 0.28, 0.25),
    4: (0.5, 0.28, 0.25),
    5: (0.5, 0.2, 0.2),
    6: (0.8, 0.77, 0.7),
}


@dataclass(frozen=True)
class Ict:
    """ICT-FaceKit light as stored in the data folder."""

    mean: Float32
    """(M, 3) cm."""
    identity: Float32
    """(100, M, 3) unit weight = one sigma."""
    expressions: Float32
    """(46, M, 3)."""
    triangles: npt.NDArray[np.int32]
    part: npt.NDArray[np.int8]
    landmarks: npt.NDArray[np.int32]
    uv: Float32

    @classmethod
    def load(cls, path: Path) -> Ict:
        try:
            with np.load(path, allow_pickle=False) as a:
                return cls(
                    a["mean"].astype(np.float32),
                    a["id_basis"].astype(np.float32),
                    a["exp_basis"].astype(np.float32),
                    a["tri"].astype(np.int32),
                    a["part"],
                    np.array([*_JAW_LANDMARKS, *_INNER_LANDMARKS], np.int32),
                    a["valid_uv"].astype(np.float32),
                )
        except (OSError, KeyError, ValueError) as error:
            raise AssetError(
                f"{path}: not the ICT face model ({error}); point RDR_DATA or --data at the data folder"
            ) from error


def sample_identities(ict: Ict, n_samples: int, seed: int) -> tuple[Float32, Float32]:
    """Draw faces from ICT's Gaussian and carry the expressions over: (S, M, 3) neutrals and (S, E, M, 3) offsets,
    cm."""
    from rdr_core.geometry.deformation_transfer import DeformationTransfer, deformation_gradients

    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((n_samples, len(ict.identity))).astype(np.float32)
    weights[0] = 0
    neutrals = ict.mean + np.tensordot(weights, ict.identity, axes=1)
    offsets = np.broadcast_to(ict.expressions, (n_samples, *ict.expressions.shape)).copy()
    face = slice(0, N_FACE_VERTICES)
    triangles = ict.triangles[(ict.triangles < N_FACE_VERTICES).all(axis=1)]
    still = np.linalg.norm(ict.expressions[:, face], axis=-1).max(axis=0) < 0.01
    gradients = [
        deformation_gradients(ict.mean[face], ict.mean[face] + offset[face], triangles) for offset in ict.expressions
    ]
    for sample in range(1, n_samples):
        transfer = DeformationTransfer(neutrals[sample, face], triangles, still)
        for expression, gradient in enumerate(gradients):
            offsets[sample, expression, face] = transfer.apply(gradient) - neutrals[sample, face]
        if sample % 20 == 0:
            logger.info("deformation transfer: %d of %d identities", sample, n_samples)
    for sample in range(n_samples):
        closing = Closing.of(neutrals[sample], offsets[sample], ict.landmarks)
        neutrals[sample], offsets[sample] = closing.apply(neutrals[sample], offsets[sample])
    return neutrals, offsets


def _stack(neutrals: Float32, offsets: Float32, vertices: npt.NDArray[np.integer]) -> tuple[Float32, Float32]:
    n_samples, n_expressions = offsets.shape[:2]
    return neutrals[:, vertices].reshape(n_samples, -1), offsets[:, :, vertices].reshape(n_samples, n_expressions, -1)


def corner_uv(uv: Float32, triangles: npt.NDArray[np.int32]) -> Float32:
    """(T, 3, 2) corner coordinates; a triangle across a seam takes those of the two corners on one side of it, or it
    would smear the atlas."""
    corners = uv[triangles].copy()
    torn = np.flatnonzero((corners.max(axis=1) - corners.min(axis=1)).max(axis=-1) > 0.06)
    opposite = np.stack(
        [np.linalg.norm(corners[torn, k - 1] - corners[torn, k - 2], axis=-1) for k in range(3)], axis=1
    )
    alone = opposite.argmin(axis=1)  # the corner whose opposite edge is short lies on the other side
    corners[torn, alone] = corners[torn, (alone + 1) % 3]
    return corners


def eye_colors(mean: Float32, ball: npt.NDArray[np.integer]) -> Float32:
    """(n, 3) RGB of an eyeball by the angle from its gaze axis on the neutral: pupil, iris, white."""
    center = (mean[ball].max(axis=0) + mean[ball].min(axis=0)) / 2
    outward = mean[ball] - center
    angle = np.degrees(np.arccos(outward[:, 2] / np.linalg.norm(outward, axis=1)))[:, None]
    white, iris, pupil = np.array([0.94, 0.93, 0.91]), np.array([0.28, 0.4, 0.46]), np.array([0.03, 0.03, 0.04])
    return np.where(angle < 9.5, pupil, np.where(angle < 23, iris, white)).astype(np.float32)


def build_accessories(ict: Ict, neutrals: Float32, offsets: Float32, alpha_id: Float32) -> Accessories:
    """Eyes and mouth under the same identity coefficients: least squares in alpha_id, then a small Tucker model."""
    balls = np.concatenate([np.array(ball) for ball in _EYEBALLS])
    kept = np.sort(np.concatenate([np.flatnonzero(np.isin(ict.part, list(_PART_COLORS))), balls]))
    neutral, offset = _stack(neutrals, offsets, kept)
    slices = np.concatenate([neutral[:, None], offset], axis=1)
    dense = np.einsum("si,sev->vie", alpha_id / len(alpha_id), slices, optimize=True)
    colors = np.array([_PART_COLORS.get(int(part), (1.0, 1.0, 1.0)) for part in ict.part[kept]], np.float32)
    for ball in _EYEBALLS:
        colors[np.searchsorted(kept, np.array(ball))] = eye_colors(ict.mean, np.array(ball))
    inside = np.isin(ict.triangles, kept).all(axis=1)
    triangles = np.searchsorted(kept, ict.triangles[inside]).astype(np.int32)
    return Accessories(compress(dense, ACCESSORY_RANK), triangles, colors)


def reconstruction_error_mm(
    tensor: CoreTensor, alpha_id: Float32, neutrals: Float32, offsets: Float32
) -> tuple[float, float]:
    """RMS and 99.9th percentile distance, mm, between faces and their model, over neutral and full expressions."""
    distances = []
    for alpha, neutral, offset in zip(alpha_id, neutrals, offsets, strict=True):
        model_neutral, model_offsets = tensor.contract_identity(alpha)
        distances.append(np.linalg.norm(model_neutral - neutral, axis=-1)[None])
        distances.append(np.linalg.norm(model_neutral + model_offsets - neutral - offset, axis=-1))
    every = 10 * np.concatenate(distances)
    return float(np.sqrt((every**2).mean())), float(np.quantile(every, 0.999))


def build(ict: Ict, n_samples: int = N_SAMPLES, seed: int = 1) -> tuple[DynamicExpressionModel, dict[str, float]]:
    """Make the model; returns it with its reconstruction errors in mm (on samples it has and has not seen)."""
    held_out = 8
    neutrals, offsets = sample_identities(ict, n_samples + held_out, seed)
    seen = slice(0, n_samples)
    face = np.arange(N_FACE_VERTICES)
    dense, alpha_id = decompose(*_stack(neutrals[seen], offsets[seen], face), N_IDENTITY)
    tensor = compress(dense, FACE_RANK)
    tensor = CoreTensor(tensor.vertex_factor.astype(np.float16).astype(np.float32), tensor.core)  # as it will be stored
    triangles = ict.triangles[(ict.triangles < N_FACE_VERTICES).all(axis=1)]
    own = np.array(_OWN_LANDMARKS, np.int32)
    topology = build_topology(ict.mean[face], triangles, ict.landmarks, own, ict.uv, corner_uv(ict.uv, triangles))
    model = DynamicExpressionModel(
        tensor,
        topology,
        alpha_id.mean(axis=0),
        alpha_id.std(axis=0),
        accessories=build_accessories(ict, neutrals[seen], offsets[seen], alpha_id),
    )
    unseen = slice(n_samples, None)
    design = np.tensordot(tensor.vertex_factor, tensor.core[:, :, 0], axes=1)
    fitted = np.linalg.lstsq(design, neutrals[unseen][:, face].reshape(held_out, -1).T, rcond=None)[0].T
    some = slice(0, 8)
    seen_error = reconstruction_error_mm(tensor, alpha_id[some], neutrals[some][:, face], offsets[some][:, :, face])
    unseen_error = reconstruction_error_mm(tensor, fitted, neutrals[unseen][:, face], offsets[unseen][:, :, face])
    names = ("seen_rms_mm", "seen_p999_mm", "unseen_rms_mm", "unseen_p999_mm")
    return model, dict(zip(names, (*seen_error, *unseen_error), strict=True))


def main() -> None:
    from rdr_core.config import data_folder

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="data folder (default: RDR_DATA)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "assets" / "face_model.npz")
    parser.add_argument("--samples", type=int, default=N_SAMPLES, help="identities to sample")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        data = arguments.data or data_folder()
        model, errors = build(Ict.load(data / "face_model" / "ict_bilinear_default.npz"), arguments.samples)
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        model.save(arguments.out)
    except RdrError as error:
        raise SystemExit(f"error: {error}") from None
    for name, value in errors.items():
        print(f"{name}: {value:.3f}")
    print(f"wrote {arguments.out} ({arguments.out.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
