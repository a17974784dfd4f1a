"""The program itself: Python, packages, networks, OpenGL."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Final

import numpy as np

from avatar_bridge.doctor.finding import Finding
from avatar_bridge.errors import AvatarError
from rdr_core import __version__
from rdr_core.errors import RdrError

PYTHONS: Final = ((3, 11), (3, 13))
_REQUIREMENT: Final = re.compile(r"(?P<name>[\w.-]+)[^;>=]*(?:>=(?P<least>[\d.]+))?[^;]*(?:;(?P<marker>.*))?")
_RUNS: Final = 20


def python() -> Iterator[Finding]:
    """Is this a Python that is supported?"""
    version = sys.version_info[:2]
    says = f"{sys.version.split()[0]}, RDR Live {__version__}"
    if PYTHONS[0] <= version <= PYTHONS[1]:
        yield Finding("Python", "good", says)
    else:
        yield Finding("Python", "bad", says, "use Python 3.11, 3.12 or 3.13")


def packages() -> Iterator[Finding]:
    """Is everything there that live tracking needs?"""
    try:
        requirements = metadata.requires("rdr-live") or []
    except metadata.PackageNotFoundError:
        yield Finding("packages", "note", "RDR Live runs from its folder, not installed", "pip install -e .")
        return
    matches = [match for text in requirements if (match := _REQUIREMENT.match(text))]
    needed = [match for match in matches if "extra" not in (match["marker"] or "")]
    wrong = [problem for match in needed if (problem := _problem(match["name"], match["least"]))]
    if wrong:
        yield Finding("packages", "bad", "; ".join(wrong), "install again: pip install -e .")
    else:
        yield Finding("packages", "good", f"{len(needed)} needed ones are there")


def _problem(name: str, least: str | None) -> str | None:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is missing"
    return f"{name} {version} is older than {least}" if least and _numbers(version) < _numbers(least) else None


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version.partition("+")[0])]


def network() -> Iterator[Finding]:
    """Does the shipped network load, and how fast is it here?"""
    from rdr_core.data.crop import Crop
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.weights import load_predictor

    image = np.full((256, 256, 3), 127, np.uint8)
    try:
        started = time.perf_counter()
        predictor, detector = load_predictor("live"), FaceDetector()
        loading_s = time.perf_counter() - started
        crop = Crop(np.array([128.0, 128.0], np.float32), 160.0, predictor.crop_size)
        times = [_seconds(lambda: predictor.predict(image, [crop])) for _ in range(_RUNS)]
        detecting = min(_seconds(lambda: detector.detect(image)) for _ in range(3))
    except RdrError as error:
        yield Finding("network", "bad", str(error))
        return
    milliseconds = 1e3 * float(np.median(times))
    says = f"live: loaded in {loading_s:.1f} s, {milliseconds:.1f} ms a face; finding one {1e3 * detecting:.0f} ms"
    if milliseconds < 25:
        yield Finding("network", "good", says)
    else:
        yield Finding("network", "note", says, "close other programs, or track a smaller picture: 30 fps needs 33 ms")


def opengl() -> Iterator[Finding]:
    """Can the avatar be drawn?"""
    try:
        from avatar_bridge.preview.opengl import OffscreenContext, import_pyrender

        import_pyrender()
        context = OffscreenContext(64, 64, 0)
        context.close()
    except AvatarError as error:
        yield Finding("OpenGL", "note", str(error), "only the preview needs it: tracking, recording and Blender do not")
    else:
        yield Finding("OpenGL", "good", "the preview can draw")


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
