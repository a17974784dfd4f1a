"""`rdr gateway`."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import tyro

from avatar_bridge.cli.status import status_line
from avatar_bridge.cli.stream import endpoint_of_source
from avatar_bridge.config import DEFAULT_ENDPOINT
from avatar_bridge.errors import StreamError
from avatar_bridge.messages import FaceFrame

if TYPE_CHECKING:
    from avatar_bridge.gateways.live_link_face import LiveLinkFaceSender
    from avatar_bridge.gateways.vmc import VmcSender

Protocol = Literal["vmc", "live-link-face", "vmc-in"]
_WAIT_S: Final = 10.0
"""How long a source is looked for by its name."""


def gateway(
    protocol: Annotated[Protocol, tyro.conf.Positional],
    endpoint: str = DEFAULT_ENDPOINT,
    source: str | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    names: Literal["arkit", "vrm0", "vrm1"] = "arkit",
    mapping: Path | None = None,
    name: str = "RDR Live",
    server_key: str | None = None,
    seconds: float | None = None,
) -> None:
    """Hand a stream on to programs that speak VMC (VRM avatars) or Live Link Face, or make a stream of what they send.

    Examples:
        rdr gateway vmc
        rdr gateway vmc --names vrm0 --host 192.168.1.20
        rdr gateway live-link-face --port 11111
        rdr gateway vmc-in --port 39540

    Args:
        protocol: vmc, live-link-face: send a stream's faces on; vmc-in: publish what another program sends.
        endpoint: The stream: where to receive it, or with vmc-in where to publish it.
        source: Which of several cameras (rdr track front=0 left=1); endpoint is the first one's.
        host: Where to send, or with vmc-in the address to listen on.
        port: UDP port; default 39539 (vmc, vmc-in) or 11111 (live-link-face).
        names: With vmc: arkit for avatars with ARKit's shapes ("perfect sync"), vrm0 or vrm1 for those without.
        mapping: Mapping file in place of the preset of --names.
        name: With live-link-face: the subject's name that the receiver lists.
        server_key: The stream's public key where it is encrypted (rdr keys).
        seconds: Stop after this long.
    """
    endpoint = endpoint_of_source(endpoint, source, _WAIT_S, server_key)
    end = time.monotonic() + (seconds if seconds is not None else float("inf"))
    with suppress(KeyboardInterrupt):
        if protocol == "vmc-in":
            _publish(endpoint, host, port, end)
            return
        sender = _sender(protocol, host, port, names, mapping, name)
        try:
            _hand_on(sender, endpoint, server_key, end)
        finally:
            sender.close()


def _sender(
    protocol: Protocol, host: str, port: int | None, names: str, mapping: Path | None, name: str
) -> VmcSender | LiveLinkFaceSender:
    from avatar_bridge.gateways import live_link_face, vmc
    from avatar_bridge.mapping_file import load_preset, read_mapping

    shapes = read_mapping(mapping) if mapping else load_preset(names)
    if protocol == "vmc":
        return vmc.VmcSender(host, port or vmc.DEFAULT_PORT, vmc.VmcEncoder(shapes, pascal_case=names == "arkit"))
    return live_link_face.LiveLinkFaceSender(host, port or live_link_face.DEFAULT_PORT, name, shapes)


def _hand_on(sender: VmcSender | LiveLinkFaceSender, endpoint: str, server_key: str | None, end: float) -> None:
    from avatar_bridge.cli.stream import open_stream

    sent = 0
    with open_stream(endpoint, server_key) as stream, status_line(None) as show:
        while time.monotonic() < end:
            for message in stream.poll(200):
                if isinstance(message, FaceFrame):
                    sender.send(message)
                    sent += 1
            stats = stream.stats()
            show(0, f"{endpoint}: {stats.fps:.0f} fps, {sent} frames sent on; Ctrl-C ends")
    print(f"sent {sent} frames on")
    if not sent:
        raise StreamError(f"nothing came on {endpoint}: start rdr track, or rdr fake")


def _publish(endpoint: str, host: str, port: int | None, end: float) -> None:
    from avatar_bridge.gateways.vmc import DEFAULT_PORT, VmcReceiver
    from avatar_bridge.publisher import Publisher

    published = 0
    with ExitStack() as stack:
        receiver = VmcReceiver(host, DEFAULT_PORT if port is None else port)
        stack.callback(receiver.close)
        publisher = stack.enter_context(Publisher(endpoint))
        show: Callable[[int, str], None] = stack.enter_context(status_line(None))
        publisher.describe(replace(publisher.hello, versions={**publisher.hello.versions, "source": "VMC"}))
        show(0, f"listening on {host}:{receiver.port}, publishing on {publisher.endpoint}")
        for frame in receiver.frames(publisher.session):
            if frame is not None:
                publisher.publish(frame)
                published += 1
                show(0, f"{published} frames from VMC, {receiver.invalid} invalid; Ctrl-C ends")
            if time.monotonic() >= end:
                break
    print(f"published {published} frames that came over VMC")
