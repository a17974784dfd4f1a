"""Cameras, and room for takes."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from avatar_bridge.capture.camera import CameraSource
from avatar_bridge.doctor.finding import Finding
from avatar_bridge.errors import CameraError

_FEW_FPS: Final = 20
_PICTURES: Final = 15
_TRIED: Final = 4
"""Camera numbers that are tried where the system does not list them."""
_BYTES_PER_HOUR: Final = 150e6
"""Of a take of one face at 30 fps."""


def cameras() -> Iterator[Finding]:
    """Which cameras deliver, and how fast?"""
    numbers = _listed() if sys.platform.startswith("linux") else list(range(_TRIED))
    findings = [finding for number in numbers if (finding := _camera(number))]
    if any(finding.state == "good" for finding in findings):
        yield from (finding for finding in findings if finding.state != "bad")
    elif findings:
        yield from findings
    else:
        yield Finding("camera", "note", "none here", "plug one in, or track a file: rdr track clip.mp4")


def _listed() -> list[int]:
    names = [path.name.removeprefix("video") for path in Path("/dev").glob("video*")]
    return sorted(int(name) for name in names if name.isdigit())


def _camera(number: int) -> Finding | None:
    what = f"camera {number}"
    try:
        with CameraSource(number) as camera:
            times = [time.monotonic() for _, _ in zip(range(_PICTURES), camera, strict=False)]
    except CameraError as error:
        return Finding(what, "bad", str(error)) if sys.platform.startswith("linux") else None
    fps = (len(times) - 1) / (times[-1] - times[0])
    says = f"{camera.size_px[0]}x{camera.size_px[1]}, {fps:.0f} fps"
    if fps < _FEW_FPS:
        return Finding(what, "note", says, "more light makes most cameras faster")
    return Finding(what, "good", says)


def disk() -> Iterator[Finding]:
    """Is there room for takes in the present folder?"""
    free = shutil.disk_usage(Path.cwd()).free
    hours = free / _BYTES_PER_HOUR
    says = f"{free / 1e9:.1f} GB free in {Path.cwd()}, {hours:.0f} hours of takes"
    yield Finding("disk", "good", says) if hours > 2 else Finding("disk", "note", says, "make room before recording")
