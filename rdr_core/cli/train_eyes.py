"""`rdr train-eyes`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rdr_core.training.eyes import EyeTrainConfig

_DEFAULT = EyeTrainConfig()


def train_eyes(
    shards: tuple[str, ...],
    out: Path,
    minutes: float | None = None,
    weights: Path | None = None,
    train: EyeTrainConfig = _DEFAULT,
) -> None:
    """Train the eye network, which reads gaze, on rendered people. Ctrl-C keeps what it has learned so far.

    Examples:
        rdr train-eyes --shards out/eyes --out out/eyes.onnx
        rdr train-eyes --shards out/eyes out/synth --out out/eyes.onnx --minutes 20 --weights open

    Args:
        shards: Shards of rdr synth (manifests, folders or patterns of tars), best of 320 px.
        out: File of the network.
        minutes: Stop after so long instead of after all steps.
        weights: research, open, or the network of whole faces whose landmarks and words it goes by; its licence counts.
        train: How to train.
    """
    import logging
    import sys

    from rdr_core.cli.options import progress_bar
    from rdr_core.data.shard_manifest import union_of_licences
    from rdr_core.data.shard_set import ShardSet
    from rdr_core.errors import ConfigError
    from rdr_core.inference.eye_export import export_eyes
    from rdr_core.inference.precision import weights_of
    from rdr_core.inference.weights import find_network, load_predictor, weights_info
    from rdr_core.training import eyes
    from rdr_core.training.sources import ShardFaces

    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("rdr_core").setLevel(logging.INFO)
    found, predictor = ShardSet.open(list(shards)), load_predictor("live", weights)
    if found.samples <= train.validation:
        raise ConfigError(f"{train.validation} pictures are to be held out, but there are only {found.samples}")
    with tempfile.TemporaryDirectory(prefix="rdr-spool-") as spool:
        source, middle = ShardFaces(found, Path(spool)), found.samples - train.validation
        with progress_bar("looking at eyes", found.samples) as advance:
            training, held_out = (
                eyes.look_at(
                    (source.picture(position, flip=False) for position in range(first, last)),
                    predictor,
                    looks,
                    train.seed,
                    advance,
                )
                for first, last, looks in ((0, middle, train.looks), (middle, found.samples, 1))
            )
        source.close()
    with progress_bar("training", train.steps) as advance:
        network, errors = eyes.train_eyes(
            training,
            held_out,
            train,
            lambda n, now: advance(n, f"gaze {now['gaze']:.4f}, lids {now['lids']:.4f}"),
            minutes,
        )
    told_by = weights_info(weights_of(find_network("live", weights)))
    licence = union_of_licences([found.licence, told_by.get("licence", "research-only")])
    facts = {"licence": licence, "shards": [manifest.name for manifest in found.manifests], "pictures": found.samples}
    out.parent.mkdir(parents=True, exist_ok=True)
    export_eyes(network, out, facts | eyes.facts_of(training, errors, train))
    print(
        f"wrote {out} ({licence}): gaze {errors['gaze_told']:.4f} -> {errors['gaze']:.4f}, lids "
        f"{errors['lids_told']:.4f} -> {errors['lids']:.4f} on {len(held_out)} faces that were held out"
    )
