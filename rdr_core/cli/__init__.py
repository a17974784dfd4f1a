"""Commands of rdr_core. `rdr` (avatar_bridge.cli) gathers them with the bridge's.

Each command is a function whose signature is its command line; its module is imported only when it is run.
"""

from typing import Final

COMMANDS: Final = {
    "predict": "rdr_core.cli.predict:predict",
    "face-model": "rdr_core.cli.face_model:face_model",
    "fit": "rdr_core.cli.fit:fit",
    "synth": "rdr_core.cli.synth:synth",
    "profile": "rdr_core.cli.profile:profile",
    "shards": "rdr_core.cli.shards:shards",
    "train": "rdr_core.cli.train:train_command",
    "train-eyes": "rdr_core.cli.train_eyes:train_eyes",
    "eval": "rdr_core.cli.evaluate:evaluate",
    "ablate": "rdr_core.cli.ablate:ablate",
    "bench": "rdr_core.cli.bench:bench",
    "export": "rdr_core.cli.export:export",
    "quantize": "rdr_core.cli.quantize:quantize",
}
"""Command -> module:function."""
