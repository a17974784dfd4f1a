"""`rdr replay`."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import tyro

from avatar_bridge.cli.keyboard import keyboard
from avatar_bridge.cli.status import status_line
from avatar_bridge.config import DEFAULT_ENDPOINT

if TYPE_CHECKING:
    from avatar_bridge.publisher import Publisher
    from avatar_bridge.replay import Replay

_STEP_S: Final = 5.0


def replay(
    take: Annotated[Path, tyro.conf.Positional],
    endpoint: str = DEFAULT_ENDPOINT,
    speed: float = 1.0,
    loop: bool = False,
    start: Annotated[float, tyro.conf.arg(aliases=["--seek"])] = 0.0,
    end: float | None = None,
    topic: Literal["filtered", "raw"] = "filtered",
    wait: bool = False,
    insecure: bool = False,
) -> None:
    """Publish a take as if it were performed now: Blender, the preview and recorders see a live stream.

    In a terminal, space holds it and goes on, the arrows left and right seek by 5 s, q ends it.

    Examples:
        rdr replay take.mcap
        rdr replay take.mcap --loop --start 12.5 --end 20
        rdr replay take.mcap --speed 0.5 --topic raw

    Args:
        take: The take (.mcap), or the .partial that a crash has left.
        endpoint: Where to publish; rdr preview and Blender connect to it.
        speed: Times the pace of the performance: 0.5 is slow motion.
        loop: Begin again at --start after --end, until Ctrl-C.
        start: First second that is played.
        end: Last second that is played; default: the take's end.
        topic: filtered: as it was published; raw: as the network gave it, before the filters.
        wait: Begin when the first receiver is there.
        insecure: Let other machines connect without keys.
    """
    from avatar_bridge.cli.stream import sender_keys
    from avatar_bridge.publisher import Publisher
    from avatar_bridge.recording import read_take
    from avatar_bridge.replay import Replay, ReplayConfig

    config = ReplayConfig(speed=speed, loop=loop, start_s=start, end_s=end, frames=topic)
    player = Replay(read_take(take), config)
    with Publisher(endpoint, curve=sender_keys(endpoint, insecure), insecure=insecure) as publisher:
        publisher.describe(player.hello(publisher.session))
        frames, seconds = play(player, publisher, wait)
    print(f"replayed {frames} frames of {take.name} in {seconds:.1f} s")


def play(player: Replay, publisher: Publisher, wait: bool) -> tuple[int, float]:
    """Publish until the take, or the user, ends it; returns how many frames that were, and in how many seconds."""
    frames, started = 0, time.monotonic()
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        read = stack.enter_context(keyboard())
        show = stack.enter_context(status_line(None))
        name = player.take.path.name

        def say() -> None:
            state = "held" if player.paused else f"x{player.config.speed:g}"
            place = f"{player.position_s:.1f} of {player.end_s:.1f} s"
            keys = "space, arrows, q" if read else "Ctrl-C ends"
            show(0, f"{name}: {place}, {state}, {publisher.subscribers} receiver(s) on {publisher.endpoint}; {keys}")

        def pass_time(seconds: float) -> None:
            say()
            if read is None:
                time.sleep(seconds)
            else:
                obey(player, read(seconds))

        while wait and not publisher.subscribers:
            pass_time(0.05)
        started = time.monotonic()
        for frame in player.play(publisher.session, pass_time):
            publisher.publish(frame)
            frames += 1
            if frames % 10 == 0:
                say()
    return frames, time.monotonic() - started


def obey(player: Replay, key: str | None) -> None:
    """Do what a key stands for."""
    if key == " ":
        player.pause()
    elif key in ("left", "right"):
        player.seek(_STEP_S if key == "right" else -_STEP_S)
    elif key in ("q", "Q"):
        raise KeyboardInterrupt
