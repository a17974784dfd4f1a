"""`rdr control`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from avatar_bridge.config import DEFAULT_CONTROL_ENDPOINT

if TYPE_CHECKING:
    from avatar_bridge.control_client import ControlClient
    from avatar_bridge.control_messages import Status

Action = Literal["status", "start", "stop", "record", "stop-recording", "neutral", "clear-neutral", "clock", "quit"]


def control(
    action: Annotated[Action, tyro.conf.Positional] = "status",
    endpoint: str = DEFAULT_CONTROL_ENDPOINT,
    take: str | None = None,
    seconds: float = 1.0,
    server_key: str | None = None,
    json_output: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Ask a running rdr track for something.

    Examples:
        rdr control
        rdr control neutral
        rdr control record --take smile-1
        rdr control stop-recording

    Args:
        action: status: how it is; start, stop: track, or let go of the camera; record, stop-recording: a take; neutral,
            clear-neutral: the face that is seen now is the face at rest; clock: how far the two clocks are apart; quit:
            end it.
        endpoint: The --control of that rdr track.
        take: With record: name of the take: letters, digits, - and _; by default it is named after the time.
        seconds: With neutral: how long to look.
        server_key: The tracker's public key where it is on another machine (rdr keys).
        json_output: With status: as JSON.
    """
    from avatar_bridge.control_client import ControlClient
    from avatar_bridge.keys import KeyStore

    keys = KeyStore().client(server_key) if server_key else None
    with ControlClient(endpoint, curve=keys) as client:
        print(_ask(client, action, take, seconds, json_output))


def _ask(client: ControlClient, action: Action, take: str | None, seconds: float, as_json: bool) -> str:
    match action:
        case "status":
            status = client.status()
            return json.dumps(asdict(status), indent=2) if as_json else describe(status)
        case "clock":
            return f"the tracker's clock is ahead by {client.clock_offset()}"
        case "stop-recording":
            return client.do("stop_recording")
        case "clear-neutral":
            return client.do("clear_neutral")
        case _:
            return client.do(action, take, seconds)


def describe(status: Status) -> str:
    """Return a status in a few lines for people."""
    state = {"tracking": "tracking", "stopped": "stopped (rdr control start goes on)", "waiting": "waiting"}[
        status.state
    ]
    milliseconds = f"{status.ms_per_picture_p50:.1f} ms a picture (p95 {status.ms_per_picture_p95:.1f})"
    take = f"{status.take}, {status.take_messages} messages" if status.take else "none"
    rows = {
        "state": f"{state}{f': {status.trouble}' if status.trouble else ''}",
        "source": f"{status.source}, {status.pictures} pictures in {status.uptime_s:.0f} s",
        "speed": f"{status.fps:.1f} fps, {milliseconds}",
        "faces": f"{status.faces}{', face at rest taken out' if status.neutral else ''}",
        "user": status.user or "none",
        "receivers": str(status.subscribers),
        "take": take,
    }
    return "\n".join(f"{name:10}{value}" for name, value in rows.items())
