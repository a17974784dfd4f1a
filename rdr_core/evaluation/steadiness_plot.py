"""A tracked clip over time, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from rdr_core.atomic import whole_file
from rdr_core.evaluation.steadiness_report import MeasuredClip
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.types import Float32

_COLORS: Final = ("#1b6ca8", "#d1495b", "#2e8b57", "#e0932a")
_SHOWN: Final = {
    "JawOpen": ("JawOpen",),
    "smile": ("MouthSmile_L", "MouthSmile_R"),
    "eyes closed": ("EyeClose_L", "EyeClose_R"),
    "brows up": ("BrowInnerUp",),
}
"""Coefficients that are drawn, means of several."""


def write_plot(path: Path, measured: MeasuredClip) -> None:
    """Write a PNG: pose, expression, jitter, crops and identity over time; rest shaded, raw thin, filtered thick."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 11), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(5, 1, sharex=True)
    for axes, draw in zip(panels, (_pose, _expression, _jitter, _crops, _identity), strict=True):
        draw(axes, measured)
        _shade(axes, measured)
        axes.grid(color="0.92", linewidth=0.8)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False)
    panels[-1].set_xlabel("s")
    clip = measured.clip
    figure.suptitle(
        f"{clip.name}: {len(clip.tracked)} frames, {clip.rate_hz:g} a second. Thin: raw, thick: filtered, grey: rest",
        fontsize=11,
    )
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png")


def _times(measured: MeasuredClip) -> Float32:
    return np.arange(len(measured.rest)) / measured.clip.rate_hz


def _both(axes: Any, times: Float32, raw: Float32, filtered: Float32, color: str, label: str) -> None:
    axes.plot(times, raw, color=color, linewidth=0.7, alpha=0.7)
    axes.plot(times, filtered, color=color, linewidth=1.7, label=label)


def _pose(axes: Any, measured: MeasuredClip) -> None:
    raw, filtered = (np.degrees(series.euler_rad) for series in (measured.clip.raw, measured.clip.filtered))
    for k, name in enumerate(("pitch", "yaw", "roll")):
        _both(axes, _times(measured), raw[:, k], filtered[:, k], _COLORS[k], name)
    axes.set_ylabel("head, degrees")


def _expression(axes: Any, measured: MeasuredClip) -> None:
    for color, (label, names) in zip(_COLORS, _SHOWN.items(), strict=True):
        where = [BLENDSHAPE_NAMES.index(name) for name in names]
        raw, filtered = (s.alpha_exp[:, where].mean(axis=1) for s in (measured.clip.raw, measured.clip.filtered))
        _both(axes, _times(measured), raw, filtered, color, label)
    axes.set_ylabel("coefficients")


def _jitter(axes: Any, measured: MeasuredClip) -> None:
    """Second differences of every frame, in motion too: those at rest are what is counted."""
    clip, times = measured.clip, _times(measured)[1:-1]
    size = [
        100 / clip.inter_ocular_px * np.sqrt((np.diff(series.landmarks_px, 2, axis=0) ** 2).sum(axis=2).mean(axis=1))
        for series in (clip.raw, clip.filtered)
    ]
    _both(axes, times, size[0], size[1], _COLORS[0], "")
    axes.set(ylabel="landmarks, 2nd diff.,\n% inter-ocular", ylim=(0, None))


def _crops(axes: Any, measured: MeasuredClip) -> None:
    labels = ("across, % of the side", "down, % of the side", "log side, %", "turn, 0.01 rad")
    for k, label in enumerate(labels):
        offset = 100 * measured.clip.crop_offsets[:, k]
        axes.plot(_times(measured), offset, color=_COLORS[k], linewidth=1.0, label=label)
    axes.set_ylabel("crop against\nthe ideal one")


def _identity(axes: Any, measured: MeasuredClip) -> None:
    axes.plot(_times(measured), measured.identity_mm, color=_COLORS[0], linewidth=1.2)
    axes.set(ylabel="identity, mm from\nthe person's mean", ylim=(0, None))


def _shade(axes: Any, measured: MeasuredClip) -> None:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], measured.rest.astype(int), [0]])))
    for start, end in edges.reshape(-1, 2):
        axes.axvspan(
            (start - 0.5) / measured.clip.rate_hz,
            (end - 0.5) / measured.clip.rate_hz,
            color="0.9",
            linewidth=0,
            zorder=0,
        )
