"""From a take to keys: resampled by capture time to the scene's rate, on every shape key, bone and property."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import bpy
import numpy as np
import numpy.typing as npt

from ..core.errors import TakeError
from ..core.key_reduction import reduce_keys, reduction_error
from ..core.performance import Performed, perform
from ..core.resample import SceneTime, frame_rate
from ..core.track import FaceTrack
from .anim_compat import Animation, Curves
from .apply import Writer
from .config import config_of
from .motion import head_channels, mapped_channels
from .rig import meshes_of
from .takes import track_for, tracks_of

Array = npt.NDArray[Any]
BakeTo = Literal["NEW", "INTO", "NLA"]
MARK: Final = "rdr_live_take"
"""Custom property of the actions that a bake made: the take's name."""


@dataclass(frozen=True, slots=True)
class BakeOptions:
    """How to bake."""

    to: BakeTo = "NEW"
    with_pre_roll: bool = False
    tolerance: float | None = None
    """How far a curve may be off for fewer keys; None: a key on every frame."""


@dataclass(slots=True)
class BakeReport:
    """What a bake made."""

    first: int = 0
    last: int = 0
    curves: int = 0
    keys: int = 0
    keys_without_reduction: int = 0
    error: float = 0.0
    """How far a curve is off at most, by the reduction."""
    strips: list[str] = field(default_factory=list)
    """Datablocks that got a strip because another action plays on them."""

    def __str__(self) -> str:
        text = f"frames {self.first} to {self.last}: {self.keys} keys on {self.curves} curves"
        if self.keys < self.keys_without_reduction:
            text += f" of {self.keys_without_reduction}, off by {self.error:.4f} at most"
        if self.strips:
            text += f"; as NLA strips on {', '.join(self.strips)}, which have other animation"
        return text


def scene_time(scene: Any, item: Any, tracks: list[FaceTrack]) -> SceneTime:
    """Return where a take lies in a scene."""
    anchor = item.anchor_ns
    first_ns = min(int(track.time_ns[0]) for track in tracks)
    anchor_ns = int(anchor) if anchor.isdigit() and len(anchor) < 20 else first_ns
    return SceneTime(frame_rate(scene.render.fps, scene.render.fps_base), anchor_ns, item.start_frame)


def bake(scene: Any, item: Any, characters: Iterable[Any], options: BakeOptions) -> BakeReport:
    """Bake a take to some characters. Raises AddonError, and nothing is changed then."""
    tracks = tracks_of(item)
    time = scene_time(scene, item, tracks)
    done = []
    for character in characters:
        track = track_for(character, tracks)
        config = config_of(character)
        performed = perform(track, config, time)
        if not options.with_pre_roll:
            performed = performed.since(time.anchor_frame)
        done.append((character, Writer(config.mapping), performed))
    if not done:
        raise TakeError("there is no character to bake to: add one first")
    report = BakeReport(done[0][2].frames[0], done[0][2].frames[-1])
    for character, writer, performed in done:
        _bake_character(item.name, character, writer, performed, options, report)
    scene.frame_set(scene.frame_current)
    return report


def _bake_character(
    name: str, character: Any, writer: Writer, performed: Performed, options: BakeOptions, report: BakeReport
) -> None:
    frames = np.array(performed.frames, np.float64)
    report.first, report.last = min(report.first, performed.frames[0]), max(report.last, performed.frames[-1])
    sink = _Sink(Animation(f"{name} {character.name}"), name, options, report)
    keyed: set[str] = set()
    for mesh in meshes_of(character):
        keys = mesh.data.shape_keys
        if keys.name_full in keyed:  # two objects with one mesh
            continue
        keyed.add(keys.name_full)
        plan = writer.plan_of(mesh)
        for place, column in zip(plan.keys.tolist(), plan.columns.tolist(), strict=True):
            path = f'key_blocks["{bpy.utils.escape_identifier(plan.names[place])}"].value'
            sink.write(keys, path, 0, frames, performed.values[:, column], "RDR Live")
    targets, columns = writer.others
    channels = mapped_channels(character, targets, performed.values[:, columns]) + head_channels(character, performed)
    for channel in channels:
        sink.write(channel.id_block, channel.path, max(0, channel.index), frames, channel.values, channel.group)
    sink.finish(performed.frames[0])


class _Sink:
    """Puts curves where the options say."""

    def __init__(self, animation: Animation, take: str, options: BakeOptions, report: BakeReport) -> None:
        self._animation, self._take, self._options, self._report = animation, take, options, report
        self._curves: dict[str, tuple[Curves, bool]] = {}

    def write(self, owner: Any, path: str, index: int, frames: Array, values: Array, group: str) -> None:
        kept = np.arange(len(frames))
        if self._options.tolerance is not None:
            kept = reduce_keys(frames, values, self._options.tolerance)
            self._report.error = max(self._report.error, reduction_error(frames, values, kept))
        self._curves_of(owner).write(path, index, frames[kept], values[kept], group)
        self._report.curves += 1
        self._report.keys += len(kept)
        self._report.keys_without_reduction += len(frames)

    def finish(self, first_frame: int) -> None:
        """Let the datablocks play what was written."""
        for action in self._animation.actions:
            action[MARK] = self._take
            action.use_fake_user = True  # a take that is baked over stays in the file
        for curves, is_new in self._curves.values():
            if not is_new:
                continue
            present = Curves.present(curves.owner)
            foreign = present is not None and MARK not in present.action
            if self._options.to == "NLA" or (self._options.to == "NEW" and foreign):
                curves.add_strip(first_frame)
                if foreign:
                    self._report.strips.append(curves.owner.name)
            else:
                curves.assign()

    def _curves_of(self, owner: Any) -> Curves:
        key = f"{owner.bl_rna.identifier}:{owner.name_full}"
        if key not in self._curves:
            present = Curves.present(owner) if self._options.to == "INTO" else None
            self._curves[key] = (present or self._animation.curves_of(owner), present is None)
        return self._curves[key][0]
