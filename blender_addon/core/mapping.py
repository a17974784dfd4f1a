"""Retargeting: the coefficients of one set of blendshapes turned into those of another, by a list of entries.

S: shapes that come in (46 of FaceWarehouse).  N: targets that go out (shape keys, bone channels, properties).

    target = clip(sum over its entries of offset + gain * curve(clip((source - low) / (high - low), 0, 1)))

The program's `rdr convert` reads the same mapping files and evaluates them alike: tests/golden/retarget.json.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .errors import MappingError
from .shapes import mirrored_name

MAX_ENTRIES: Final = 4096
MAX_NAME_LENGTH: Final = 128
MAX_FACTOR: Final = 100.0
"""Largest gain and offset."""
MIN_RANGE: Final = 1e-3
"""A narrower input range would turn noise into jumps."""

CURVES: Final[dict[str, Callable[[Any], Any]]] = {
    "linear": lambda u: u,
    "smooth": lambda u: u * u * (3 - 2 * u),
    "ease_in": lambda u: u * u,
    "ease_out": lambda u: u * (2 - u),
}
"""Name -> what becomes of 0..1. A list of [x, y] points is a curve, too."""

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What one source adds to one target."""

    source: str
    """Shape that is read."""
    target: str
    """What is driven; entries of one target are added up. See targets.py for what is no shape key."""
    gain: float = 1.0
    """What a source at the upper end of `range` adds; may be negative."""
    offset: float = 0.0
    """Added whatever the source is."""
    range: tuple[float, float] = (0.0, 1.0)
    """The source's values that count as 0 and 1; it is clipped to them. The first may be the larger one."""
    curve: str | Points = "linear"
    """One of CURVES, or points (x, y) with x rising within 0..1: straight lines between them."""
    mirror: bool = False
    """Read the source of the other side: mouthLeft for mouthRight, _R for _L."""
    mute: bool = False
    """Leave this entry out."""
    solo: bool = False
    """Where any entry is solo, leave out all that are not."""

    def __post_init__(self) -> None:
        where = f"entry {self.source!r:.40} -> {self.target!r:.40}"
        for name in ("source", "target"):
            _check_name(f"{name} of {where}", getattr(self, name))
        for name in ("gain", "offset"):
            value = _number(f"{name} of {where}", getattr(self, name), -MAX_FACTOR, MAX_FACTOR)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "range", _check_range(f"range of {where}", self.range))
        for name in ("mirror", "mute", "solo"):
            if not isinstance(getattr(self, name), bool):
                raise MappingError(f"{name} of {where} must be true or false, got {getattr(self, name)!r:.40}")
        object.__setattr__(self, "curve", _check_curve(f"curve of {where}", self.curve))

    @property
    def read(self) -> str:
        """Name of the shape that is read in truth."""
        return mirrored_name(self.source) if self.mirror else self.source


@dataclass(frozen=True, slots=True)
class ShapeMapping:
    """A list of entries, and which targets there are."""

    targets: tuple[str, ...]
    """(N,) everything that is driven, in order; those without an entry stay at 0."""
    entries: tuple[Entry, ...]
    """In any order."""
    target_range: tuple[float, float] = (0.0, 1.0)
    """Targets are clipped to it."""
    name: str = ""
    """For menus."""
    about: str = ""
    """For people: whence, what it cannot do."""

    def __post_init__(self) -> None:
        names = [_check_name("a target", target) for target in self.targets]
        if max(len(names), len(self.entries)) > MAX_ENTRIES:
            raise MappingError(
                f"a mapping has at most {MAX_ENTRIES} targets and entries, got {len(names)} and {len(self.entries)}"
            )
        known = set(names)
        if len(known) < len(names):
            twice = next(name for index, name in enumerate(names) if name in names[:index])
            raise MappingError(f"targets must differ from each other, got {twice!r} twice")
        for entry in self.entries:
            check_known(f"target of entry {entry.source!r} -> {entry.target!r}", entry.target, known)
        object.__setattr__(self, "target_range", _check_range("target_range", self.target_range))
        if self.target_range[0] > self.target_range[1]:
            raise MappingError(f"target_range must rise, got {list(self.target_range)}")

    @classmethod
    def of_entries(cls, entries: Sequence[Entry], **options: Any) -> ShapeMapping:
        """Return a mapping whose targets are those of its entries."""
        return cls(targets=tuple(dict.fromkeys(entry.target for entry in entries)), entries=tuple(entries), **options)

    @property
    def heard(self) -> tuple[Entry, ...]:
        """The entries that count: not muted, and the solo ones alone where there are any."""
        solo = any(entry.solo and not entry.mute for entry in self.entries)
        return tuple(entry for entry in self.entries if not entry.mute and (entry.solo or not solo))

    def driven(self) -> tuple[str, ...]:
        """Return the targets that an entry drives which counts; nobody touches the others."""
        return tuple(dict.fromkeys(entry.target for entry in self.heard))

    def reach(self) -> dict[str, tuple[float, float]]:
        """Return the lowest and the highest value of each driven target."""
        found = {}
        for target in self.driven():
            mine = [entry for entry in self.heard if entry.target == target]
            offset = sum(entry.offset for entry in mine)
            least = offset + sum(min(entry.gain, 0) for entry in mine)
            most = offset + sum(max(entry.gain, 0) for entry in mine)
            found[target] = (max(least, self.target_range[0]), min(most, self.target_range[1]))
        return found


class Retargeter:
    """A mapping bound to the order of the shapes that come in."""

    def __init__(self, mapping: ShapeMapping, sources: Sequence[str]) -> None:
        """Sources: the (S,) names of what comes in. Raises MappingError where the mapping reads another one."""
        entries = mapping.heard
        self.mapping, self.n_sources = mapping, len(sources)
        place = {name: index for index, name in enumerate(sources)}
        column = {name: index for index, name in enumerate(mapping.targets)}
        for entry in entries:
            if entry.read not in place:
                check_known(f"source of entry {entry.source!r} -> {entry.target!r}", entry.read, sources)
        self._source = np.array([place[entry.read] for entry in entries], np.intp)
        low, high = np.array([entry.range for entry in entries], np.float64).reshape(-1, 2).T
        self._low, self._per_unit = low, 1 / (high - low)
        self._curved = [(row, entry.curve) for row, entry in enumerate(entries) if entry.curve != "linear"]
        self._gains = np.zeros((len(entries), len(mapping.targets)))
        self._offsets = np.zeros(len(mapping.targets))
        for row, entry in enumerate(entries):
            self._gains[row, column[entry.target]] = entry.gain
            self._offsets[column[entry.target]] += entry.offset

    def __call__(self, weights: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """(..., S) coefficients -> (..., N) float32, within the mapping's target_range."""
        weights = np.asarray(weights, np.float64)
        if weights.shape[-1:] != (self.n_sources,):
            raise MappingError(f"expected coefficients of shape (..., {self.n_sources}), got {weights.shape}")
        unit = np.clip((weights[..., self._source] - self._low) * self._per_unit, 0, 1)
        for row, curve in self._curved:
            unit[..., row] = evaluate_curve(curve, unit[..., row])
        return np.clip(unit @ self._gains + self._offsets, *self.mapping.target_range).astype(np.float32)


def evaluate_curve(curve: str | Points, unit: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Values within 0..1 -> what the curve makes of them."""
    if isinstance(curve, str):
        curved: npt.NDArray[Any] = CURVES[curve](unit)
        return curved
    x, y = np.array(curve, np.float64).T
    return np.interp(unit, x, y)


def check_known(what: str, name: str, names: Iterable[str]) -> None:
    """Raise MappingError, with the name that was perhaps meant, where `name` is none of `names`."""
    names = list(names)
    if name not in names:
        like = difflib.get_close_matches(name, names, 1, 0.5)
        hint = f": did you mean {like[0]!r}?" if like else f"; there are {', '.join(names):.120}"
        raise MappingError(f"{what}: there is no {name!r}{hint}")


def _check_name(what: str, value: Any) -> str:
    if not (isinstance(value, str) and 1 <= len(value) <= MAX_NAME_LENGTH and value.isprintable()):
        raise MappingError(f"{what} must be a name of 1 to {MAX_NAME_LENGTH} characters, got {value!r:.60}")
    return value


def _number(what: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MappingError(f"{what} must be a number, got {value!r:.40}")
    if not low <= value <= high:  # false for NaN, too
        raise MappingError(f"{what} must be within {low:g}..{high:g}, got {value!r:.40}")
    return float(value)


def _check_range(what: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise MappingError(f"{what} must be two numbers, got {value!r:.40}")
    low, high = (_number(what, number, -MAX_FACTOR, MAX_FACTOR) for number in value)
    if abs(high - low) < MIN_RANGE:
        raise MappingError(f"{what} must be at least {MIN_RANGE:g} wide, got {low:g} to {high:g}")
    return low, high


def _check_curve(what: str, value: Any) -> str | Points:
    if isinstance(value, str):
        check_known(what, value, CURVES)
        return value
    if not isinstance(value, list | tuple) or not 2 <= len(value) <= 64:
        raise MappingError(f"{what} must be {', '.join(CURVES)} or a list of 2 to 64 points, got {value!r:.40}")
    if not all(isinstance(point, list | tuple) and len(point) == 2 for point in value):
        raise MappingError(f"{what} must be points [x, y], got {value!r:.60}")
    points = tuple((_number(what, x, 0, 1), _number(what, y, -MAX_FACTOR, MAX_FACTOR)) for x, y in value)
    if any(b[0] <= a[0] for a, b in pairwise(points)):
        raise MappingError(f"x of the points of {what} must rise, got {[point[0] for point in points]!r:.60}")
    return points
