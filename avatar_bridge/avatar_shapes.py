"""Which of a stranger's morph targets are FaceWarehouse's 46, and what is missing.

E: expressions (46).  N: shapes of the other set.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from avatar_bridge.mapping_file import load_preset
from avatar_bridge.retarget import Retargeter
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.types import Float32

_LISTED: Final = 8


@dataclass(frozen=True, eq=False)
class ShapeSet:
    """A set of shapes that we know how to drive."""

    title: str
    """For people."""
    names: tuple[str, ...]
    """(N,)"""
    gains: Float32
    """(E, N): what each expression at 1 sets the shapes to. Between 0 and 1 it goes straight."""

    def find(self, targets: Sequence[str]) -> dict[str, str]:
        """Return, for names of a file's targets, which shape each is: case, prefixes and separators do not count."""
        known = {_plain(name): name for name in self.names}
        found: dict[str, str] = {}
        for target in targets:
            name = known.get(_plain(target)) or known.get(_plain(target.rpartition(".")[2]))
            if name is not None and name not in found.values():
                found[target] = name
        return found

    def missing(self, found: Sequence[str]) -> list[str]:
        """Return the expressions that move nothing with these shapes alone."""
        there = np.isin(self.names, list(found))
        drives = self.gains != 0
        lost = np.flatnonzero(np.any(drives, axis=1) & ~np.any(drives[:, there], axis=1))
        return [BLENDSHAPE_NAMES[index] for index in lost]

    def offsets(self, shapes: dict[str, Float32], n_vertices: int) -> Float32:
        """Shape -> (V, 3) offsets, those that there are -> (E, V, 3)."""
        made = np.zeros((len(BLENDSHAPE_NAMES), n_vertices, 3), np.float32)
        for name, offset in shapes.items():
            gains = self.gains[:, self.names.index(name)]
            for expression in np.flatnonzero(gains):
                made[expression] += gains[expression] * offset
        return made


@lru_cache(maxsize=1)
def shape_sets() -> tuple[ShapeSet, ...]:
    """FaceWarehouse's 46 and ARKit's 52; the first that fits a file best is taken."""
    one_each = np.eye(len(BLENDSHAPE_NAMES), dtype=np.float32)
    arkit = load_preset("arkit")
    gains = Retargeter(arkit, BLENDSHAPE_NAMES)(one_each)
    return ShapeSet("FaceWarehouse", BLENDSHAPE_NAMES, one_each), ShapeSet("ARKit", arkit.targets, gains)


def best_set(targets: Sequence[str]) -> ShapeSet:
    """Return the set most of whose shapes are among these names."""
    return max(shape_sets(), key=lambda shapes: len(shapes.find(targets)))


def problems_of(shapes: ShapeSet, targets: Sequence[str]) -> list[str]:
    """Say, a line each, which expressions will not move, and which targets are not used."""
    found = shapes.find(targets)
    if not found:
        if not targets:
            return ["it has no morph targets: the face will not move"]
        return [
            f"none of its {len(targets)} morph targets is a shape of FaceWarehouse or ARKit: "
            f"the face will not move ({_list(targets)})"
        ]
    lines = []
    if missing := shapes.missing(list(found.values())):
        lines.append(f"{len(missing)} of 46 expressions do not move, its {shapes.title} shapes lack them: ")
        lines[-1] += _list(missing)
    for target in [name for name in targets if name not in found][:_LISTED]:
        like = difflib.get_close_matches(_plain(target), [_plain(name) for name in shapes.names], 1, 0.8)
        if like:
            meant = next(name for name in shapes.names if _plain(name) == like[0])
            lines.append(f"the morph target {target!r:.60} is not used: is it {meant!r}?")
    return lines


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(f"{name:.60}" for name in names[:_LISTED]) + more


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())
