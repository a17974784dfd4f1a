"""`rdr fake`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count

from avatar_bridge.cli.status import status_line
from avatar_bridge.config import DEFAULT_ENDPOINT
from avatar_bridge.errors import StreamError
from avatar_bridge.messages import MAX_FACES


def fake(
    endpoint: str = DEFAULT_ENDPOINT,
    rate: float = 30.0,
    faces: int = 1,
    sweep: bool = False,
    seconds: float | None = None,
    insecure: bool = False,
) -> None:
    """Publish a moving face without camera or weights, to try Blender, the preview or a receiver of your own.

    Examples:
        rdr fake
        rdr fake --sweep
        rdr fake --faces 2 --rate 60

    Args:
        endpoint: Where to publish; rdr preview and Blender connect to it.
        rate: Frames a second, up to 1000.
        faces: How many faces.
        sweep: Show each of the 46 shapes alone, a second each.
        seconds: Stop after this long.
        insecure: Let other machines connect without keys.
    """
    if not 0 < rate <= 1000:
        raise StreamError(f"--rate must be over 0 and at most 1000, got {rate:g}")
    if not 1 <= faces <= MAX_FACES:
        raise StreamError(f"--faces must be 1 to {MAX_FACES}, got {faces}")
    from avatar_bridge.cli.stream import sender_keys
    from avatar_bridge.fake import FakeFace, shown_in_sweep
    from avatar_bridge.publisher import Publisher

    cast = [FakeFace(number, sweep) for number in range(faces)]
    n = 0
    with Publisher(endpoint, curve=sender_keys(endpoint, insecure), insecure=insecure) as publisher:
        publisher.describe(replace(publisher.hello, rate_hz=rate, faces=faces))
        cast[0].frame(publisher.session, 0, 0, 0.0)  # reads the face model, before the clock starts
        start_ns = time.time_ns()
        with suppress(KeyboardInterrupt), status_line(None) as show:
            show(0, f"publishing a made-up face on {publisher.endpoint}; see it with rdr preview")
            for n, time_s in enumerate(_ticks(rate, seconds), 1):
                for face in cast:
                    seq = faces * (n - 1) + face.number
                    publisher.publish(face.frame(publisher.session, seq, start_ns + round(1e9 * time_s), time_s))
                what = f", {shown_in_sweep(time_s)}" if sweep else ""
                show(0, f"{publisher.endpoint}: {time_s:.0f} s, {publisher.subscribers} receiver(s){what}; Ctrl-C ends")
    print(f"published {n} frames of {faces} face(s), {rate:g} a second")


def _ticks(rate: float, seconds: float | None) -> Iterator[float]:
    """Yield seconds from the start, each when it is time, without drifting."""
    start = time.monotonic()
    for n in count():
        due = n / rate
        if seconds is not None and due >= seconds:
            return
        time.sleep(max(0.0, start + due - time.monotonic()))
        yield due
