"""`rdr record`."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import tyro

from avatar_bridge.cli.status import status_line
from avatar_bridge.cli.stream import endpoint_of_source, open_stream
from avatar_bridge.config import DEFAULT_ENDPOINT
from avatar_bridge.errors import StreamError
from avatar_bridge.messages import FaceFrame


def record(
    out: Annotated[Path, tyro.conf.Positional],
    endpoint: str = DEFAULT_ENDPOINT,
    source: str | None = None,
    seconds: float | None = None,
    wait: float = 10.0,
    idle: float = 5.0,
    server_key: str | None = None,
) -> None:
    """Write everything that a stream sends to a take, until it ends, --seconds are over, or Ctrl-C.

    Examples:
        rdr record out/take1.mcap
        rdr record out/take1.mcap --seconds 30

    Args:
        out: The take to write (.mcap).
        endpoint: Where the stream is published.
        source: Which of several cameras (rdr track front=0 left=1); endpoint is the first one's.
        seconds: Stop after this long.
        wait: Give up when no stream is heard for this many seconds.
        idle: The stream has ended when nothing comes for this many seconds.
        server_key: The sender's public key where it is on another machine (rdr keys).
    """
    from avatar_bridge.recording import Recorder
    from avatar_bridge.recording.facts import facts_of_stream

    endpoint = endpoint_of_source(endpoint, source, wait, server_key)
    out.parent.mkdir(parents=True, exist_ok=True)
    with open_stream(endpoint, server_key) as stream, status_line(None) as show:
        show(0, f"waiting for a stream on {endpoint}")
        first = stream.poll(1e3 * wait)
        if not first:
            raise StreamError(f"no stream on {endpoint} within {wait:g} s: start one with rdr track")
        end = time.monotonic() + (seconds if seconds is not None else float("inf"))
        last = time.monotonic()
        with Recorder(out, first[0].session, source=endpoint, facts=facts_of_stream(stream.hello)) as take:
            messages = first
            with suppress(KeyboardInterrupt):
                while time.monotonic() < end and time.monotonic() - last < idle:
                    for message in messages:
                        take.write(message)
                        if isinstance(message, FaceFrame):
                            last = time.monotonic()
                    show(
                        0,
                        f"recording {out}: {take.messages_written} messages, {stream.stats().fps:.1f} fps; Ctrl-C ends",
                    )
                    messages = stream.poll(100)
        missed = stream.stats().missed
    print(f"wrote {out}: {take.messages_written} messages, {missed} missed")
