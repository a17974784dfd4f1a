"""`rdr doctor`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import tyro

from avatar_bridge.config import DEFAULT_CONTROL_ENDPOINT, DEFAULT_ENDPOINT
from avatar_bridge.errors import BridgeError

if TYPE_CHECKING:
    from avatar_bridge.doctor.finding import Finding

_MARKS: Final = {"good": "ok  ", "note": "note", "bad": "BAD "}


def doctor(
    endpoint: str = DEFAULT_ENDPOINT,
    control: str = DEFAULT_CONTROL_ENDPOINT,
    server_key: str | None = None,
    json_output: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Look at everything that live tracking needs, and say what to do where something is wrong.

    Python and packages, the network, OpenGL, cameras, disk, and the stream if one runs: rate, losses, latency, names.
    The exit code is 1 where something is bad.

    Examples:
        rdr doctor
        rdr doctor --endpoint tcp://studio.local:5570 --server-key KEY_OF_THE_TRACKER

    Args:
        endpoint: Where a stream is, or is to be.
        control: The control socket of the tracker.
        server_key: The sender's public key where the stream is encrypted (rdr keys).
        json_output: As JSON.
    """
    from avatar_bridge.doctor import devices, program, stream
    from avatar_bridge.doctor.finding import examine
    from avatar_bridge.keys import KeyStore

    keys = KeyStore().client(server_key) if server_key else None
    checks: list[Callable[[], Iterable[Finding]]] = [
        program.python,
        program.packages,
        program.network,
        program.opengl,
        devices.cameras,
        devices.disk,
        partial(stream.stream, endpoint, keys),
        partial(stream.control, control, keys),
    ]
    findings: list[Finding] = []
    for finding in examine(checks):
        findings.append(finding)
        if not json_output:
            print(line(finding), flush=True)
    if json_output:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    bad = [finding.what for finding in findings if finding.state == "bad"]
    if bad:
        raise BridgeError(f"something is wrong with: {', '.join(bad)}")


def line(finding: Finding) -> str:
    """Return a finding in one line, or two with advice."""
    first = f"{_MARKS[finding.state]}  {finding.what:10}{finding.says}"
    return f"{first}\n{'':16}-> {finding.advice}" if finding.advice else first
