"""Writing what a character does into the scene: shape keys of all its meshes, bones, properties, head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.head_pose import IDENTITY
from ..core.mapping import ShapeMapping
from ..core.performance import Action, Performed
from ..core.targets import parse_target
from .motion import head_channels, mapped_channels
from .rig import meshes_of

Array = npt.NDArray[Any]


@dataclass(slots=True)
class ShapePlan:
    """Which column of the values goes to which shape key of a mesh, as long as its keys have these names."""

    names: tuple[str, ...]
    keys: Array
    """(K,) places in key_blocks."""
    columns: Array
    """(K,) columns of the mapping's targets."""


@dataclass(slots=True)
class Writer:
    """Writes for one character and one mapping."""

    mapping: ShapeMapping
    driven: dict[str, int] = field(init=False)
    """Targets that are shape keys and driven -> their column."""
    others: tuple[tuple[str, ...], Array] = field(init=False)
    """Driven bones and properties, and their columns."""
    _plans: dict[str, ShapePlan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        column = {target: index for index, target in enumerate(self.mapping.targets)}
        driven = self.mapping.driven()
        self.driven = {target: column[target] for target in driven if parse_target(target).kind == "shape"}
        rest = tuple(target for target in driven if target not in self.driven)
        self.others = rest, np.array([column[target] for target in rest], np.intp)

    def write(self, character: Any, action: Action) -> None:
        """Write one instant."""
        self.write_shapes(meshes_of(character), action.values)
        targets, columns = self.others
        channels = mapped_channels(character, targets, action.values[None, columns]) if targets else []
        if character.head != "NONE":
            channels += head_channels(character, one_instant(action))
        for channel in channels:
            channel.set()

    def write_shapes(self, meshes: Sequence[Any], values: Array) -> None:
        """Write (N,) values of the mapping's targets to the shape keys of some meshes."""
        for item in meshes:
            keys = item.data.shape_keys
            plan = self.plan_of(item)
            if not len(plan.keys):
                continue
            before = np.empty(len(plan.names), np.float32)
            keys.key_blocks.foreach_get("value", before)
            after = before.copy()
            after[plan.keys] = values[plan.columns]
            if not np.array_equal(before, after):
                keys.key_blocks.foreach_set("value", after)
                keys.update_tag()

    def plan_of(self, item: Any) -> ShapePlan:
        """Return which shape keys of a mesh are driven by which column."""
        keys = item.data.shape_keys
        names = tuple(key.name for key in keys.key_blocks)
        plan = self._plans.get(item.name_full)
        if plan is None or plan.names != names:
            pairs = [(place, self.driven[name]) for place, name in enumerate(names) if name in self.driven]
            places, columns = (np.array([pair[k] for pair in pairs], np.intp) for k in (0, 1))
            plan = self._plans[item.name_full] = ShapePlan(names, places, columns)
        return plan


def one_instant(action: Action) -> Performed:
    """Return one instant in the form of many."""
    return Performed(
        range(1),
        action.values[None],
        np.array([action.head.quaternion]),
        np.array([action.head.location_cm]),
        np.array([action.head.scale]),
        np.ones(1, bool),
    )


def to_rest(character: Any, mapping: ShapeMapping, head: bool = True) -> None:
    """Bring what a mapping can drive, and the head, to rest: shapes 0, bones and the object where they were."""
    names = {target for target in mapping.targets if parse_target(target).kind == "shape"}
    for item in meshes_of(character):
        for key in item.data.shape_keys.key_blocks:
            if key.name in names:
                key.value = 0.0
        item.data.shape_keys.update_tag()
    others = tuple(target for target in mapping.targets if target not in names)
    zeros = np.zeros((1, len(others)), np.float32)
    still = Performed(range(1), zeros, np.array([IDENTITY]), np.zeros((1, 3)), np.ones(1), np.ones(1, bool))
    channels = mapped_channels(character, others, zeros) + (head_channels(character, still) if head else [])
    for channel in channels:
        channel.set()
