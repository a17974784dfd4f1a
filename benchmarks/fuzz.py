"""Garbage by coverage-guided fuzzing: `python -m benchmarks.fuzz --minutes 10`. Needs the package atheris.

Every decoder of the wire is fed with bytes that reach as much of it as possible; anything but WireError is a crash,
which stops the run and leaves the bytes in a file crash-*.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["avatar_bridge", "msgpack"]):
    from avatar_bridge.codec import decode, decode_reply, decode_request, encode
    from avatar_bridge.control_messages import Done, Pong, Request
    from avatar_bridge.errors import WireError
    from avatar_bridge.fake import FakeFace
    from avatar_bridge.messages import Hello


def one(payload: bytes) -> None:
    """What is decoded must encode, and decode to the same; what is not must be a WireError."""
    for decoder in (decode, decode_request, decode_reply):
        with suppress(WireError):
            message = decoder(payload)
            assert decoder(encode(message)) == message


def seeds() -> list[bytes]:
    """Return valid messages to begin with."""
    frame = FakeFace().frame("s", 1, 2, 0.5)
    replies = [Pong(received_time_ns=1, reply_time_ns=2), Done(what="x"), Hello(session="s")]
    return [encode(message) for message in (frame, Request(command="record", take="a"), *replies)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    valid = seeds()

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        """Half of the time mutate a valid message: bytes from nothing hardly ever are one."""
        start = valid[seed % len(valid)] if seed % 2 else data
        return bytes(atheris.Mutate(start, max_size))

    limits = [f"-max_total_time={round(60 * options.minutes)}", "-max_len=4096", "-timeout=5", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *limits], one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
