"""`rdr fit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from rdr_core.cli.options import progress_bar
from rdr_core.errors import ConfigError


def fit(
    out: Path,
    manifest: Annotated[Path | None, tyro.conf.Positional] = None,
    data: Path | None = None,
    mirror: bool = True,
    jobs: int = 0,
    max_error: float = 0.20,
) -> None:
    """Fit the face model to annotated landmarks: the Q* that training learns from.

    Examples:
        rdr fit --out runs/fits_300w_train.npz
        rdr fit my_faces.json --out runs/my_fits.npz

    Args:
        out: The npz file to write.
        manifest: JSON manifest with `pts68`; faces with the same `person` share one identity. Default: 300-W's
        training set. data: Data folder; default RDR_DATA.
        mirror: Fit the flipped faces, too, for training.
        jobs: Processes; 0 takes all cores.
        max_error: Fits with a larger error (share of the face box) are dropped.
    """
    from rdr_core.config import data_folder
    from rdr_core.data.manifest import read_faces
    from rdr_core.data.w300 import read_w300
    from rdr_core.evaluation.nme import inter_ocular, nme
    from rdr_core.fitting.fit_group import FitConfig
    from rdr_core.training.targets import fit_samples

    samples = read_faces(manifest) if manifest else read_w300(data or data_folder(), "train")
    config = FitConfig(max_error=max_error)
    with progress_bar("fitting", len(samples) * (1 + mirror)) as advance:
        table = fit_samples(samples, config, mirror, jobs or None, advance)
    kept = table.where(table.error <= config.max_error)
    if not len(kept):
        raise ConfigError(
            f"all {len(table)} fits have an error over {max_error:.0%}: are the landmarks in iBUG-68 order?"
        )
    kept.save(out)
    ocular = nme(kept.projected_shape, kept.shape, inter_ocular(kept.shape)).mean()
    print(
        f"mean fitting error {table.error.mean():.2%} of the face box ({ocular:.2%} inter-ocular), "
        f"worst {table.error.max():.2%}; "
        f"dropped {len(table) - len(kept)} of {len(table)} over {max_error:.0%}; wrote {out}"
    )
