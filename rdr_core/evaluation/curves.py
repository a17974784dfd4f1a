"""Cumulative error curves: the share of faces (y) whose error is at most x."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from rdr_core.atomic import whole_file
from rdr_core.errors import ConfigError
from rdr_core.evaluation.nme import area_under_curve, failure_rate
from rdr_core.types import Float32

LIMIT: Final = 0.10
"""Where the drawing ends."""
_RATED_AT: Final = 0.08
"""Where area and failure rate of the legend are taken."""
_COLORS: Final = ("#1b6ca8", "#d1495b", "#2e8b57", "#e0932a", "#6a4c93", "#3a3a3a", "#00798c", "#9a031e")
_STYLES: Final = ("-", "--", "-.", ":")


def can_draw() -> bool:
    """Say whether matplotlib is here (extra `train`)."""
    return find_spec("matplotlib") is not None


def write_curves(path: Path, title: str, curves: Mapping[str, Float32]) -> None:
    """Write a PNG of cumulative curves.

    Args:
        path: of the picture.
        title: "NAME (normaliser)": the normaliser names the x axis.
        curves: errors (m,) as shares by the name of the curve, in the order of the legend.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    if not can_draw():
        raise ConfigError("curves need matplotlib: install the extra `train` (pip install 'rdr-live[train]')")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure  # without pyplot there is no window system and no global state

    name, _, normaliser = title.partition(" (")
    figure = Figure(figsize=(6.4, 4.4 + 0.2 * len(curves)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for number, (label, errors) in enumerate(curves.items()):
        color, style = _COLORS[number % len(_COLORS)], _STYLES[number // len(_COLORS) % len(_STYLES)]
        x, y = curve(errors)
        axes.plot(100 * x, 100 * y, style, color=color, linewidth=1.8, label=legend(label, errors))
    axes.axvline(100 * _RATED_AT, color="0.75", linewidth=0.8, zorder=0)
    axes.set(xlim=(0, 100 * LIMIT), ylim=(0, 100.5), ylabel="faces, %", title=name)
    axes.set_xlabel(f"NME, % of the {_words(normaliser.rstrip(')'))}")
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.legend(loc="outside lower center", fontsize=8, frameon=False)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png")


def curve(errors: Float32) -> tuple[Float32, Float32]:
    """Corners of the stairs up to `LIMIT`: errors and shares of faces, from (0, 0)."""
    known = np.sort(errors)
    known = known[known <= LIMIT]
    share = np.arange(1, len(known) + 1) / len(errors)
    x = np.concatenate([[0], np.repeat(known, 2), [LIMIT]])
    y = np.concatenate([[0, 0], np.repeat(share, 2)])
    return x, y


def legend(label: str, errors: Float32) -> str:
    """Name of a curve with its mean, area and failure rate."""
    area, failed = (100 * rate(errors, _RATED_AT) for rate in (area_under_curve, failure_rate))
    return f"{label}: {100 * errors.mean():.2f} %, AUC@8 {area:.1f}, FR@8 {failed:.1f} %"


def _words(normaliser: str) -> str:
    return f"{normaliser} distance" if normaliser.startswith("inter-") else normaliser or "box"
