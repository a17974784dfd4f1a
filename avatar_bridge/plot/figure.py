"""A take as one picture, by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from avatar_bridge.errors import BridgeError
from avatar_bridge.plot.curves import GROUPS, Curve, FaceCurves, TakeCurves
from rdr_core.atomic import whole_file

CURVES_A_PANEL: Final = 4
_COLORS: Final = ("#1f77b4", "#d95f02", "#2a9d4a", "#7b4fb5")


def write_figure(out: Path, take: TakeCurves, face: FaceCurves, names: Sequence[str] = ()) -> None:
    """Write a PNG with a panel for each part of the face: its liveliest curves, or those named.

    Raw curves are thin, filtered ones thick, spans in which the face was lost grey.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BridgeError(f"{out.name} needs matplotlib: install the extra `plot`, or give an .html file") from error

    panels = [(group, _chosen(face, group, names)) for group in GROUPS]
    panels = [(group, curves) for group, curves in panels if curves]
    figure = Figure(figsize=(12, 0.8 + 1.6 * len(panels)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (group, curves) in zip(axes, panels, strict=True):
        _panel(axis, take, face, group, curves)
    axes[-1].set_xlabel("seconds")
    rate = f"{take.rate_hz:.3g} a second" if take.rate_hz else "one picture"
    smoothing = f"smoothing {take.smoothing}" if take.smoothing else "smoothing not known"
    raw = "thin: as the network said it" if len(face.raw_s) else "no raw frames in it"
    title = f"{take.name}, face {face.face_id}: {take.duration_s:.1f} s, {rate}, {smoothing}; {raw}"
    figure.suptitle(title, fontsize=10, parse_math=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def _chosen(face: FaceCurves, group: str, names: Sequence[str]) -> list[Curve]:
    curves = face.of_group(group)
    if names:
        return [curve for curve in curves if curve.name in names]
    if group == "place":
        return [curve for curve in curves if curve.name != "scale"]  # of another unit
    return sorted(curves, key=lambda curve: -curve.range)[:CURVES_A_PANEL]


def _panel(axis: Any, take: TakeCurves, face: FaceCurves, group: str, curves: list[Curve]) -> None:
    for curve, color in zip(curves, _cycled(len(curves)), strict=True):
        if curve.raw is not None:
            axis.plot(face.raw_s, curve.raw, color=color, linewidth=0.7, alpha=0.45)
        axis.plot(face.seconds, curve.filtered, color=color, linewidth=1.4, label=curve.name)
    for number, span in enumerate(face.lost):
        axis.axvspan(span.start_s, span.end_s, color="#999999", alpha=0.35, label=None if number else "lost")
    lag = f", filters {take.lag_ms[group]:.0f} ms late" if group in take.lag_ms else ""
    axis.set_title(f"{group} ({curves[0].unit}){lag}", fontsize=9, loc="left", pad=3)
    axis.margins(x=0.01)
    if group == "confidence":
        axis.set_ylim(-0.05, 1.05)
    axis.grid(alpha=0.25)
    axis.tick_params(labelsize=8)
    axis.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _cycled(count: int) -> list[str]:
    return [_COLORS[i] for i in np.arange(count) % len(_COLORS)]
