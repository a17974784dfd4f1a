"""`rdr synth`."""

from __future__ import annotations

from pathlib import Path


def synth(
    out: Path,
    count: int = 10_000,
    seconds: float | None = None,
    size: int = 160,
    yaw: float = 90.0,
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
        rdr train live --shards out/synth --mix 1

    Args:
        out: Folder of the shards and their manifest.
        count: Pictures, rounded up to whole shards.
        seconds: Stop after so much time instead, with the shards that are whole by then.
        size: Side of the pictures in px; faces fill about half of it.
        yaw: Heads are turned by up to so many degrees to either side.
        seed: The same seed draws the same pictures on the same machine.
        jobs: Processes; 0 takes all cores.
        shard_size: Pictures a shard.
        sheet: Picture file for a contact sheet of the result.
        data: Data folder; default RDR_DATA.
    """
    from dataclasses import asdict

    from rdr_core.cli.making import Extent, make_shards
    from rdr_core.cli.shards import write_sheet
    from rdr_core.config import data_folder
    from rdr_core.synthesis.generate import ShardJob
    from rdr_core.synthesis.scene import SceneConfig

    extent = Extent(count, seconds, shard_size, jobs)
    job = ShardJob(
        (data or data_folder()) / "face_model", SceneConfig(size_px=size, greatest_yaw_deg=yaw), seed, shard_size
    )
    config = {"scene": asdict(job.scene), "quality": job.quality}
    sources = ("ICT-FaceKit (MIT)", "VALID (MIT)", "Poly Haven (CC0)")
    make_shards(out, "synth", job, extent, "drawing people", config=config, seed=seed, licence="open", sources=sources)
    print(f"next: rdr train live --shards {out} --mix 1")
    if sheet is not None:
        write_sheet(sheet, [str(out)])
