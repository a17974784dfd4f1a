"""One of several sources of a tracker by its name: who says what name on the ports where they may be."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Final

from avatar_bridge.curve import CurveClient
from avatar_bridge.errors import StreamError
from avatar_bridge.source_names import check_name, endpoint_of
from avatar_bridge.subscriber import Subscriber

MOST_SOURCES: Final = 8
"""Looked for from the first one's endpoint on."""
_TURN_MS: Final = 20


def find_source(name: str, first: str, wait_s: float, curve: CurveClient | None = None) -> str:
    """Return the endpoint at which a source of this name publishes.

    Args:
        name: as Hello says it.
        first: endpoint of the first source; the others follow as `endpoint_of` says.
        wait_s: how long to listen.
        curve: keys where the streams are encrypted.

    Raises:
        StreamError: no such source; says which ones there are.
    """
    check_name(name)
    end = time.monotonic() + wait_s
    with ExitStack() as stack:
        streams = [stack.enter_context(Subscriber(at, True, curve)) for at in _places(first)]
        while time.monotonic() < end:
            for stream in streams:
                stream.poll(_TURN_MS)
                if stream.hello is not None and stream.hello.source == name:
                    return stream.endpoint
    heard = [f"{s.hello.source or '(without a name)'} on {s.endpoint}" for s in streams if s.hello is not None]
    raise StreamError(
        f"no source {name} on {first} and the {MOST_SOURCES - 1} places after it within {wait_s:g} s; there is: "
        f"{', '.join(heard) or 'none'}; start it with rdr track {name}=0"
    )


def _places(first: str) -> list[str]:
    places = [first]
    for number in range(1, MOST_SOURCES):
        try:
            places.append(endpoint_of(first, number))
        except StreamError:  # beyond the last port
            break
    return list(dict.fromkeys(places))
