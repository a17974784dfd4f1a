"""`rdr fit`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from rdr_core.cli.options import progress_bar
from rdr_core.data.datasets import Layout
from rdr_core.data.reading import Broken, Reading
from rdr_core.errors import ConfigError


def fit(
    out: Path,
    sources: Annotated[tuple[Path, ...], tyro.conf.Positional] = (),
    layout: Layout | Literal["auto"] = "auto",
    data: Path | None = None,
    mirror: bool = True,
    max_error: float = 0.20,
    broken: Broken = "fail",
    report: Path | None = None,
    engine: Literal["local", "ray"] = "local",
    jobs: int = 0,
    address: str | None = None,
) -> None:
    """Fit the face model to annotated landmarks: the Q* that training learns from.

    What is done is kept in OUT.partial until all is: started again, the same command goes on.

    Examples:
        rdr fit --out runs/fits_300w_train.npz
        rdr fit my_faces.json --out runs/my_fits.npz
        rdr fit datasets/300W_LP --layout 300w-lp --broken skip --out runs/fits_300w_lp.npz
        rdr fit shards/faces-*.tar --out runs/fits_shards.npz --engine ray --address auto

    Args:
        out: The npz file to write.
        sources: JSON manifest with `pts68`, a folder in a published layout, or shards (.tar). Faces with the same
            `person` share one identity. Default: 300-W's training set.
        layout: Layout of a folder; "auto" recognises it.
        data: Data folder of the default set; default RDR_DATA.
        mirror: Fit the flipped faces, too, for training.
        max_error: Faces with a fit of a larger error (share of the face box) are dropped.
        broken: What happens to a face that cannot be read or fitted.
        report: Folder for the report (errors, what was dropped, the worst twenty); default OUT_report.
        engine: "local" uses processes of this machine, "ray" a Ray cluster (extra `cluster`).
        jobs: Processes; 0 takes all cores, or all of the cluster.
        address: Ray cluster, e.g. HOST:6379; default RAY_ADDRESS, else one of this machine's own.
    """
    from rdr_core.data.engines import Processes, RayCluster, ThisProcess
    from rdr_core.evaluation.fit_report import write_fit_report
    from rdr_core.fitting.fit_group import FitConfig
    from rdr_core.training.fit_faces import fit_faces
    from rdr_core.training.fit_jobs import Failure
    from rdr_core.training.fit_journal import forget

    if address is not None and engine != "ray":
        raise ConfigError("--address names a Ray cluster: add --engine ray")
    config = FitConfig(max_error=max_error)
    where = RayCluster(address, jobs) if engine == "ray" else ThisProcess() if jobs == 1 else Processes(jobs)
    reading = _read(sources, layout, data, broken)
    journal = out.with_name(out.name + ".partial")
    try:
        with progress_bar("fitting", len(reading.samples) * (1 + mirror)) as advance:
            fitted = fit_faces(reading.samples, config, mirror, where, journal, broken, advance)
    except KeyboardInterrupt:
        if journal.exists():
            print(f"what was fitted is kept in {journal}: the same command goes on from there", file=sys.stderr)
        raise
    folder = report or out.with_name(f"{out.stem}_report")
    skipped = [Failure(str(path), reason) for path, reason in reading.skipped]
    summary = write_fit_report(folder, fitted, max_error, reading.samples, skipped)
    kept = fitted.table.within(max_error)
    if len(kept):
        kept.save(out)
    forget(journal)
    if not len(kept):
        raise ConfigError(
            f"all {len(fitted.table)} fits have an error over {max_error:.0%}: are the landmarks in iBUG-68 order? "
            f"See {folder / 'worst.jpg'}"
        )
    if fitted.resumed:
        print(f"went on from {journal}: {fitted.resumed} of {len(fitted.table)} fits were there")
    _say(summary, folder, out)


def _read(sources: tuple[Path, ...], layout: Layout | Literal["auto"], data: Path | None, broken: Broken) -> Reading:
    from rdr_core.config import data_folder
    from rdr_core.data.annotated import read_annotated
    from rdr_core.data.w300 import read_w300

    if sources:
        return read_annotated(sources, layout, broken)
    if layout != "auto":
        raise ConfigError(f"--layout {layout} says how a folder is laid out: give the folder")
    return Reading(read_w300(data or data_folder(), "train"))


def _say(summary: dict[str, Any], folder: Path, out: Path) -> None:
    box, ocular = summary["error"]["box"], summary["error"]["inter_ocular"]
    for key, what in (("faces_not_read", "read"), ("faces_not_fitted", "fitted")):
        if summary[key]:
            print(f"{summary[key]} of {summary['faces']} faces could not be {what}: see {folder / 'dropped.csv'}")
    print(
        f"mean fitting error {box['mean']:.2%} of the face box ({ocular['mean']:.2%} inter-ocular), "
        f"worst {box['worst']:.2%}; dropped {summary['fits'] - summary['fits_kept']} of {summary['fits']} over "
        f"{summary['max_error']:.0%}; {1e3 * summary['seconds_per_fit']:.0f} ms a fit; wrote {out} and {folder}"
    )
