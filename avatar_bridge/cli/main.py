"""The `rdr` command: finds a subcommand, reads its options from the signature, turns known errors into one line."""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from avatar_bridge.errors import BridgeError
from rdr_core import __version__
from rdr_core.cli import COMMANDS as CORE_COMMANDS
from rdr_core.config import FACE_MODEL
from rdr_core.errors import RdrError

COMMANDS: Final = {
    "demo": "avatar_bridge.cli.demo:demo",
    "track": "avatar_bridge.cli.track:track",
    "calibrate": "avatar_bridge.cli.calibrate:calibrate",
    "adapt": "avatar_bridge.cli.adapt:adapt",
    "users": "avatar_bridge.cli.users:users",
    "preview": "avatar_bridge.cli.preview:preview",
    "web": "avatar_bridge.cli.web:web",
    "record": "avatar_bridge.cli.record:record",
    "takes": "avatar_bridge.cli.takes:takes",
    "replay": "avatar_bridge.cli.replay:replay",
    "convert": "avatar_bridge.cli.convert:convert",
    "avatar": "avatar_bridge.cli.avatar:avatar",
    "moments": "avatar_bridge.cli.moments:moments",
    "overlay": "avatar_bridge.cli.overlay:overlay",
    "plot": "avatar_bridge.cli.plot:plot",
    "steady": "avatar_bridge.cli.steady:steady",
    "addon": "avatar_bridge.cli.addon:addon",
    "gateway": "avatar_bridge.cli.gateway:gateway",
    "control": "avatar_bridge.cli.control:control",
    "keys": "avatar_bridge.cli.keys:keys",
    "fake": "avatar_bridge.cli.fake:fake",
    "doctor": "avatar_bridge.cli.doctor:doctor",
    "filters": "avatar_bridge.cli.filters:filters",
    **CORE_COMMANDS,
}
"""Command -> module:function; a module is imported only when its command is run."""
SUMMARIES: Final = {
    "demo": "show everything on a photograph and a rendered clip; no camera needed",
    "track": "follow faces of a camera, video or folder and stream them",
    "calibrate": "learn a person's face, for steadier tracking of it",
    "adapt": "fit the network to one calibrated person, with videos of them",
    "users": "list, show, export or delete the people who were calibrated",
    "preview": "show the avatar that a stream drives, in a window or as a video",
    "web": "show the avatar in a browser, transparent, for OBS",
    "record": "write a stream to a take (MCAP)",
    "takes": "list takes, show what is in one, repair those that were cut off",
    "replay": "publish a take as if it were performed now",
    "convert": "turn takes into CSV, npz, JSON, glb, USD, BVH, and back",
    "avatar": "draw the avatar's 46 expressions, or export it as glb",
    "moments": "draw a clip's strongest expressions beside the avatar",
    "overlay": "draw landmarks, mesh and axes into a video, tracked now or from a take",
    "plot": "draw a take's coefficients and pose over time",
    "steady": "measure jitter, lag and identity over clips",
    "addon": "build the Blender add-on, one zip a platform",
    "gateway": "hand a stream on over VMC or Live Link Face, or make one of VMC",
    "control": "ask a running tracker: status, start, stop, record, neutral",
    "keys": "make keys for streams between machines, and say who may connect",
    "fake": "publish a made-up face, to try receivers without a camera",
    "doctor": "look for what is wrong on this machine or with a stream",
    "filters": "show what smoothing does: lag, jitter and blinks, region by region",
    "predict": "find landmarks, pose and expression in pictures",
    "face-model": "make a face model of your own FaceWarehouse, or show one",
    "fit": "fit the face model to annotated landmarks",
    "synth": "render people with exact labels to train on",
    "profile": "turn real faces to large poses to train on",
    "shards": "show or verify sets of training pictures",
    "train": "train a network",
    "train-eyes": "train the network that reads gaze",
    "eval": "measure a network on the benchmarks",
    "ablate": "train and measure variants of the network: what its parts are worth",
    "bench": "measure how long a face takes on this machine",
    "export": "make a trained network ready for live tracking",
    "quantize": "give an exported network a graph in bytes: twice as fast",
}
OWN_PARSER: Final = {"train"}
"""Commands that read their arguments themselves."""
INTERRUPTED: Final = 130
_OF_FACE_MODEL: Final = "--face-model FILE: use this face model (rdr face-model import) instead of the shipped one"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 1 for an error that was said in one line, 130 for Ctrl-C."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0].partition("=")[0] == "--face-model":
        return _with_face_model(given)
    if not given or given[0] in ("-h", "--help"):
        print(usage())
        return 0 if given else 2
    if given[0] in ("-V", "--version"):
        print(f"rdr-live {__version__}")
        return 0
    if given[0] not in COMMANDS:
        print(f"error: no command {given[0]!r}; there are {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")  # read when cv2 is imported; what it reports, we say in one line
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    return attempt(lambda: run(given[0], given[1:]))


def _with_face_model(given: list[str]) -> int:
    """Run `--face-model FILE COMMAND ...` or `--face-model=FILE COMMAND ...`; processes that it starts use it, too."""
    _, equals, file = given[0].partition("=")
    rest = given[1:] if equals else given[2:]
    file = file if equals else (given[1:2] or [""])[0]
    if not Path(file).is_file():
        print(f"error: --face-model {file}: no such file; rdr face-model import makes one", file=sys.stderr)
        return 1
    os.environ[FACE_MODEL] = str(Path(file).resolve())
    return main(rest)


def attempt(action: Callable[[], None]) -> int:
    """Do something and return the exit code, known errors said in one line."""
    try:
        action()
    except (RdrError, BridgeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `rdr ... | head`: nobody listens any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a folder that cannot be made, a full disk, a file of somebody else's
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}; choose another place or make room", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    return 0


def run(command: str, arguments: list[str]) -> None:
    """Import a command's module and call it with its arguments."""
    module, _, name = COMMANDS[command].partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    if command in OWN_PARSER:
        function(arguments)
        return
    import tyro

    about = inspect.getdoc(function) or ""
    tyro.cli(function, args=arguments, prog=f"rdr {command}", description=about.partition("Args:")[0].strip())


def usage() -> str:
    """Return the page of `rdr --help`."""
    lines = [f"  {name:12}{SUMMARIES[name]}" for name in COMMANDS]
    return "\n".join(
        [
            "usage: rdr [--face-model FILE] COMMAND [options]",
            "",
            *lines,
            "",
            "rdr COMMAND --help says more. First: rdr demo",
            _OF_FACE_MODEL,
        ]
    )
