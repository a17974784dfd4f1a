"""`rdr synth`."""

from __future__ import annotations

import time
from pathlib import Path

from rdr_core.cli.options import progress_bar
from rdr_core.errors import ConfigError


def synth(
    out: Path,
    count: int = 10_000,
    seconds: float | None = None,
    size: int = 160,
    seed: int = 0,
    jobs: int = 0,
    shard_size: int = 256,
    sheet: Path | None = None,
    data: Path | None = None,
) -> None:
    """Render people with exact labels, as shards to train on. Stopped with Ctrl-C, the same command goes on.

    Examples:
        rdr synth --out out/synth --count 20000
        rdr synth --out out/look --count 64 --shard-size 64 --size 256 --sheet out/look.jpg
        rdr train live --shards out/synth

    Args:
        out: Folder of the shards and their manifest.
        count: Pictures, rounded up to whole shards.
        seconds: Stop after so much time instead, with the shards that are whole by then.
        size: Side of the pictures in px; faces fill about half of it.
        seed: The same seed draws the same pictures on the same machine.
        jobs: Processes; 0 takes all cores.
        shard_size: Pictures a shard.
        sheet: Picture file for a contact sheet of the result.
        data: Data folder; default RDR_DATA.
    """
    import os
    from dataclasses import asdict

    from rdr_core.cli.shards import write_sheet
    from rdr_core.config import data_folder
    from rdr_core.data.shards import write_shards
    from rdr_core.synthesis.generate import ShardJob
    from rdr_core.synthesis.scene import SceneConfig

    if count < 1 or shard_size < 1 or (seconds is not None and seconds <= 0) or jobs < 0:
        raise ConfigError("count, shard-size and seconds must be positive, and jobs not negative")
    folder = (data or data_folder()) / "face_model"
    if seconds is not None:
        count = 10**9
    job = ShardJob(folder, SceneConfig(size_px=size), seed, shard_size)
    start = time.monotonic()
    made = 0
    with progress_bar("drawing people", None if seconds else -(-count // shard_size) * shard_size) as advance:

        def progress(done: int) -> None:
            nonlocal made
            made += done
            advance(done, f"drawing people, {made / (time.monotonic() - start):.0f} pictures/s")

        manifest = write_shards(
            out,
            "synth",
            job,
            -(-count // shard_size),
            generator="rdr synth",
            config={"scene": asdict(job.scene), "shard_size": shard_size, "quality": job.quality},
            seed=seed,
            licence="open",
            sources=("ICT-FaceKit (MIT)", "VALID (MIT)", "Poly Haven (CC0)"),
            jobs=jobs or os.cpu_count() or 1,
            progress=progress,
            stop=lambda: seconds is not None and time.monotonic() - start > seconds,
        )
    took = time.monotonic() - start
    print(f"{manifest.samples} pictures in {out} ({made / took:.1f} a second); next: rdr train live --shards {out}")
    if sheet is not None:
        write_sheet(sheet, [str(out)])
