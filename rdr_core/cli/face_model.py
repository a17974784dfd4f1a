"""`rdr face-model`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from rdr_core.cli.options import progress_bar
from rdr_core.errors import AssetError, ConfigError
from rdr_core.face_model.build_default import FACE_RANK, N_IDENTITY

if TYPE_CHECKING:
    from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel


def face_model(
    action: Annotated[Literal["import", "show"], tyro.conf.Positional],
    source: Annotated[Path | None, tyro.conf.Positional] = None,
    out: Path = Path("facewarehouse.npz"),
    landmarks: Path | None = None,
    identities: int | None = None,
    rank: int = FACE_RANK,
    network: bool = True,
    weights: Path | None = None,
) -> None:
    """Make a face model of your own copy of FaceWarehouse, and take the network over to it; or show a face model.

    Then: rdr --face-model facewarehouse.npz track 0

    Examples:
        rdr face-model import FaceWarehouse/ --out models/facewarehouse.npz
        rdr face-model import FaceWarehouse/ --landmarks my_points.json --weights open
        rdr face-model show models/facewarehouse.npz

    Args:
        action: import: make a model (npz), and beside it a network for it (.onnx, .safetensors). show: say what is in
            a model file.
        source: import: the folder with Tester_1, Tester_2, ...; show: a model file, by default the one in use.
        out: The model to write (.npz). The network gets the same name.
        landmarks: JSON with the 68 landmark vertices of your mesh, instead of FaceWarehouse's usual ones.
        identities: Identity dimensions to keep; by default 50, or as many as there are people.
        rank: Rank of the vertex mode: less is a smaller file and a larger error.
        network: Take the shipped network over to the model; needs the extra `train`.
        weights: Which network: research or open (their licence), or a .safetensors file of rdr train.
    """
    if action == "show":
        _show(source)
        return
    if source is None:
        raise ConfigError("give the folder with Tester_1, Tester_2, ...: rdr face-model import FaceWarehouse/")
    if out.suffix.lower() != ".npz":
        raise ConfigError(f"--out must end in .npz, got {out.name}")
    if network:
        _check_torch()
    model = _import(source, out, landmarks, identities, rank)
    print(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB); research-only, as FaceWarehouse is")
    if network:
        _take_over(model, out, weights)
        print(f"try it: rdr --face-model {out} track 0")


def _import(
    source: Path, out: Path, landmarks: Path | None, identities: int | None, rank: int
) -> DynamicExpressionModel:
    from rdr_core.face_model.dynamic_expression_model import load_face_model
    from rdr_core.face_model.sources import people_of, read_facewarehouse

    people = len(people_of(source))
    kept = min(N_IDENTITY, people) if identities is None else identities
    with progress_bar("reading", people + 2) as advance:
        model, (rms, most) = read_facewarehouse(source, landmarks, kept, rank, advance)
    out.parent.mkdir(parents=True, exist_ok=True)
    model.save(out)
    print(
        f"{people} people, {model.tensor.n_vertices} vertices, {model.n_expressions} expressions -> {kept} identity "
        f"dimensions of rank {len(model.tensor.core)}: {rms:.2f} mm RMS from their meshes, 99.9 % within {most:.2f} mm"
    )
    return load_face_model(out)


def _take_over(model: DynamicExpressionModel, out: Path, weights: Path | None) -> None:
    from rdr_core.inference.other_face_model import take_over
    from rdr_core.inference.weights import shipped_network

    trained = shipped_network("live", weights).with_suffix(".safetensors")
    with progress_bar("taking the network over", None):
        identity = take_over(trained, model, out.with_suffix(""))
    print(
        f"wrote {out.with_suffix('.onnx')} and {out.with_suffix('.safetensors').name}: trunk, pose, expressions and "
        f"refinement are those of {trained.stem}; identity is mapped, not trained: inner landmarks of neutral faces "
        f"within {identity.inner_rms_mm:.1f} mm RMS ({identity.unmapped_rms_mm:.1f} mm with one mean face for all). "
        "For identities of your own model's accuracy, fit and train with it (docs/face_model.md)"
    )


def _check_torch() -> None:
    from importlib.util import find_spec

    if find_spec("torch") is None or find_spec("onnx") is None:
        raise AssetError("taking the network over needs torch: install the extra `train`, or give --no-network")


def _show(path: Path | None) -> None:
    from rdr_core.config import chosen_face_model
    from rdr_core.face_model.dynamic_expression_model import default_face_model, load_face_model
    from rdr_core.face_model.fingerprint import fingerprint

    model = default_face_model() if path is None else load_face_model(path)
    name = path or chosen_face_model() or "the shipped face model"
    tensor, topology = model.tensor, model.topology
    inner, bare = len(topology.subset), topology.triangle_uv is None
    print(f"{name}, fingerprint {fingerprint(model)}")
    print(f"{tensor.n_vertices} vertices, {len(topology.triangles)} triangles, {inner} of the vertices for landmarks")
    print(f"{model.n_identity} identity dimensions, {model.n_expressions} expressions, vertex mode of rank", end=" ")
    print(f"{len(tensor.core)}; {'no texture, no eyes: the preview shows the shipped face' if bare else 'textured'}")
    sys.stdout.flush()
