"""Pictures of other people to replay, so that a network adapted to one person does not forget the rest.

They are rendered on the user's machine, once, and kept as shards; no picture comes with the program.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from calibration.errors import CalibrationError
from rdr_core.data.label import FaceLabel
from rdr_core.data.shard_set import ShardSet
from rdr_core.types import UInt8

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT: Final = 512
_SIZE_PX: Final = 192
_PER_SHARD: Final = 128
_SEED: Final = 74_001
"""Of no training set of the shipped weights."""


def default_replay_folder() -> Path:
    """Return where rendered pictures are kept."""
    import platformdirs

    return platformdirs.user_cache_path("rdr-live") / "replay"


def replay_pictures(
    shards: Path | None = None, count: int = COUNT, say: Callable[[str], object] = lambda text: None
) -> list[tuple[UInt8, FaceLabel]]:
    """Return at most `count` faces of shards; without shards, of those rendered here, which takes half a minute once.

    Raises:
        CalibrationError: there are too few.
        ConfigError: pictures must be rendered, and the data folder is not there.
    """
    if shards is None:
        shards = default_replay_folder()
        _render(shards, say)
    found: list[tuple[UInt8, FaceLabel]] = []
    for file in ShardSet.open(str(shards)).files:
        shard = file.open()
        for index in range(len(shard)):
            sample = shard.sample(index)
            if sample.label is not None and len(found) < count:
                found.append((sample.image(), sample.label))
        shard.close()
    if len(found) < 16:
        raise CalibrationError(f"{shards}: replay needs 16 faces or more, got {len(found)}; make some with rdr synth")
    return found


def _render(folder: Path, say: Callable[[str], object]) -> None:
    if (folder / "synth.json").is_file():
        return
    from rdr_core.cli.synth import synth

    say(f"rendering {COUNT} other people's faces to replay, once, into {folder}")
    synth(folder, count=COUNT, size=_SIZE_PX, seed=_SEED, jobs=1, shard_size=_PER_SHARD)
