"""`rdr shards`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import tyro

from rdr_core.cli.options import progress_bar
from rdr_core.errors import DataError

if TYPE_CHECKING:
    from rdr_core.data.shard import ShardSample
    from rdr_core.data.shard_set import ShardSet, Spool
    from rdr_core.types import UInt8

_SHARDS_SHOWN: Final = 8
_LABELS_SHOWN: Final = 4000
_BIN_DEG: Final = 15
_BAR: Final = 50
_FOUND_AT_ONCE: Final = 64
"""Shards of the web that are kept while they are looked at."""


def shards(
    action: Annotated[Literal["show", "verify"], tyro.conf.Positional],
    patterns: Annotated[tuple[str, ...], tyro.conf.Positional],
    sheet: Path | None = None,
    cells: int = 64,
    landmarks: bool = False,
) -> None:
    """Look at shards: "show" what is in them, or "verify" every byte, picture and label.

    Examples:
        rdr shards show out/synth
        rdr shards show out/synth --sheet out/synth.jpg --landmarks
        rdr shards verify "out/synth/synth-*.tar" https://example.org/faces/profile.json

    Args:
        action: What to do.
        patterns: Manifests (paths or http addresses), folders, or patterns of tars.
        sheet: With "show": picture file to write samples to.
        cells: How many of them.
        landmarks: Draw their landmarks, hidden ones in red.
    """
    from rdr_core.data.shard_set import ShardSet, Spool

    if not patterns:
        raise DataError("name shards: a manifest, a folder or a pattern of tars")
    found = ShardSet.open(patterns)
    with tempfile.TemporaryDirectory(prefix="rdr-spool-") as folder:
        spool = Spool(Path(folder), _FOUND_AT_ONCE)
        if action == "verify":
            _verify(found, spool)
        else:
            _show(found, spool)
            if sheet is not None:
                _write_sheet(sheet, found, spool, cells, landmarks)


def write_sheet(path: Path, patterns: Sequence[str], cells: int = 64, landmarks: bool = False) -> None:
    """Write a picture of samples from all over a set."""
    from rdr_core.data.shard_set import ShardSet, Spool

    with tempfile.TemporaryDirectory(prefix="rdr-spool-") as folder:
        _write_sheet(path, ShardSet.open(patterns), Spool(Path(folder), _FOUND_AT_ONCE), cells, landmarks)


def _verify(found: ShardSet, spool: Spool) -> None:
    count = 0
    with progress_bar("verifying", len(found.files)) as advance:
        for file in found.files:
            for problem in file.problems(spool):
                count += 1
                print(problem)
            advance()
    if count:
        raise DataError(f"{count} problems in {len(found.files)} shards: copy or write those that are named again")
    print(f"{len(found.files)} shards, {found.samples} samples: all as recorded")


def _show(found: ShardSet, spool: Spool) -> None:
    import numpy as np

    for manifest in found.manifests:
        shards = f"{len(manifest.shards)} shards, {manifest.samples} samples, {manifest.faces} with a face"
        print(f"{manifest.name}: {shards}, {manifest.bytes / 1e6:.1f} MB; licence {manifest.licence}")
        print(f"  made by {manifest.generator} ({manifest.program_version}), seed {manifest.seed}")
        if manifest.sources:
            print(f"  from {', '.join(manifest.sources)}")
    labels = [sample.label for sample in _spread(found, spool, _LABELS_SHOWN) if sample.label is not None]
    if not labels:
        return
    yaw = np.degrees([label.euler_rad[1] for label in labels])
    residual, visible = (np.mean([getattr(label, name) for label in labels]) for name in ("residual", "visible"))
    print(f"in {len(labels)} labels: residual {residual:.2%} of the face box, {visible:.0%} of landmarks visible; yaw:")
    counts, edges = np.histogram(yaw, np.arange(-90, 91, _BIN_DEG))
    for count, edge in zip(counts, edges, strict=False):
        bar = "#" * round(_BAR * count / counts.max()) if count else ""
        print(f"  {edge:4.0f} to {edge + _BIN_DEG:3.0f} {count / len(yaw):6.1%} {bar}")
    if outside := len(yaw) - counts.sum():
        print(f"  {outside} beyond 90 degrees")


def _spread(found: ShardSet, spool: Spool, count: int) -> Iterator[ShardSample]:
    """Yield samples of a few shards, evenly spread over the set."""
    import numpy as np

    files = [file for file in found.files if file.entry.samples]
    chosen = np.unique(np.linspace(0, len(files) - 1, min(_SHARDS_SHOWN, len(files))).round().astype(int))
    for rank, number in enumerate(chosen):
        wanted = count * (rank + 1) // len(chosen) - count * rank // len(chosen)
        with files[number].open(spool) as shard:
            for index in np.unique(np.linspace(0, len(shard) - 1, min(wanted, len(shard))).round().astype(int)):
                yield shard.sample(int(index))


def _write_sheet(path: Path, found: ShardSet, spool: Spool, cells: int, landmarks: bool) -> None:
    import cv2

    from rdr_core.atomic import whole_file
    from rdr_core.data.contact_sheet import contact_sheet

    images = [_with_landmarks(sample) if landmarks else sample.image() for sample in _spread(found, spool, cells)]
    with whole_file(path) as temporary:
        cv2.imwrite(str(temporary), contact_sheet(images, max(max(image.shape) for image in images)))
    print(f"wrote {path}")


def _with_landmarks(sample: ShardSample) -> UInt8:
    import cv2

    from rdr_core.evaluation.draw import draw_landmarks

    image = sample.image()
    if sample.label is None:
        return image
    image = draw_landmarks(image, sample.label.shape)
    for point in sample.label.shape[~sample.label.visible]:
        cv2.circle(image, ((point - 0.5) * 16).round().astype(int).tolist(), 24, (60, 60, 255), -1, cv2.LINE_AA, 4)
    return image
