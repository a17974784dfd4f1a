"""`rdr profile`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rdr_core.errors import DataError
from rdr_core.synthesis.profiling import DEFAULT_PROFILING, ProfilingConfig, ProfilingJob, SourcePicture


def profile(
    out: Path,
    fits: Path,
    count: int = 6000,
    seconds: float | None = None,
    seed: int = 0,
    jobs: int = 0,
    shard_size: int = 250,
    sheet: Path | None = None,
    manifest: Path | None = None,
    licence: str = "research-only",
    data: Path | None = None,
    profiling: ProfilingConfig = DEFAULT_PROFILING,
) -> None:
    """Turn fitted faces of real pictures to large poses, as shards to train on. Stopped with Ctrl-C, the same command
    goes on.

    Examples:
        rdr profile --fits runs/fits_300w_train.npz --out out/profiled
        rdr profile --fits runs/my_fits.npz --manifest my_faces.json --licence "my own pictures" --out out/my_profiles
        rdr train live --fits runs/fits_300w_train.npz --shards out/profiled

    Args:
        out: Folder of the shards and their manifest.
        fits: Table of rdr fit; its mirrored rows give the flipped pictures.
        count: Pictures, rounded up to whole shards.
        seconds: Stop after so much time instead, with the shards that are whole by then.
        seed: The same seed draws the same pictures on the same machine.
        jobs: Processes; 0 takes all cores.
        shard_size: Pictures a shard.
        sheet: Picture file for a contact sheet of the result, landmarks drawn. Its licence is the pictures'.
        manifest: JSON manifest of the pictures; default: 300-W's training set.
        licence: What the pictures' licence makes of the shards; written into them.
        data: Data folder; default RDR_DATA.
        profiling: Which turns are made, and which are good enough.
    """
    from rdr_core.cli.making import Extent, make_shards
    from rdr_core.cli.shards import write_sheet

    extent = Extent(count, seconds, shard_size, jobs)
    job = ProfilingJob(_pictures(fits, manifest, data), profiling, seed, shard_size)
    config = {"profiling": asdict(profiling), "pictures": job.fingerprint}
    sources = (str(manifest.name) if manifest else "300-W training set",)
    make_shards(
        out, "profile", job, extent, "turning faces", config=config, seed=seed, licence=licence, sources=sources
    )
    print(f"next: rdr train live --fits {fits} --shards {out}")
    if sheet is not None:
        write_sheet(sheet, [str(out)], landmarks=True)


def _pictures(fits: Path, manifest: Path | None, data: Path | None) -> tuple[SourcePicture, ...]:
    from rdr_core.config import data_folder
    from rdr_core.data.manifest import read_faces
    from rdr_core.data.w300 import read_w300
    from rdr_core.synthesis.source_head import FittedFace
    from rdr_core.training.targets import TargetTable

    table = TargetTable.load(fits)
    samples = read_faces(manifest) if manifest else read_w300(data or data_folder(), "train")
    paths = {sample.name: sample.image_path for sample in samples}
    missing = sorted({str(name) for name in table.names} - paths.keys())
    if missing:
        raise DataError(f"{fits}: {len(missing)} fitted faces are not among the pictures (first: {missing[0]})")
    return tuple(
        SourcePicture(
            str(name),
            paths[str(name)],
            bool(table.mirrored[row]),
            FittedFace(
                table.shape[row],
                table.euler_rad[row],
                table.translation_px[row],
                float(table.scale_px_per_cm[row]),
                table.alpha_id[row],
                table.alpha_exp[row],
            ),
            float(table.error[row]),
        )
        for row, name in enumerate(table.names)
    )
