"""`rdr profile`."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from rdr_core.cli.options import progress_bar
from rdr_core.errors import ConfigError, DataError
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
    import os

    from rdr_core.cli.shards import write_sheet
    from rdr_core.data.shards import write_shards

    if count < 1 or shard_size < 1 or (seconds is not None and seconds <= 0) or jobs < 0:
        raise ConfigError("count, shard-size and seconds must be positive, and jobs not negative")
    job = ProfilingJob(_pictures(fits, manifest, data), profiling, seed, shard_size)
    shards = 10**4 if seconds is not None else -(-count // shard_size)
    start, made = time.monotonic(), 0
    with progress_bar("turning faces", None if seconds else shards * shard_size) as advance:

        def progress(done: int) -> None:
            nonlocal made
            made += done
            advance(done, f"turning faces, {made / (time.monotonic() - start):.0f} pictures/s")

        written = write_shards(
            out,
            "profiled",
            job,
            shards,
            generator="rdr profile",
            config={"profiling": asdict(profiling), "shard_size": shard_size, "pictures": job.fingerprint},
            seed=seed,
            licence=licence,
            sources=(str(manifest.name) if manifest else "300-W training set",),
            jobs=jobs or os.cpu_count() or 1,
            progress=progress,
            stop=lambda: seconds is not None and time.monotonic() - start > seconds,
        )
    rate = made / (time.monotonic() - start)
    print(
        f"{written.samples} pictures in {out} ({rate:.1f} a second); next: rdr train live --fits {fits} --shards {out}"
    )
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
