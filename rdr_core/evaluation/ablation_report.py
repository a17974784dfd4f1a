"""Report of an ablation: tables as Markdown, numbers as JSON and CSV, Figure 4 as PNG."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from rdr_core.atomic import whole_file
from rdr_core.errors import ConfigError
from rdr_core.evaluation.ablation import (
    AFLW2000_BINS,
    AFLW2000_MEAN,
    EXPRESSIVE,
    POSE,
    POSED,
    REANNOTATED_MEAN,
    W300_2D,
    W300_3D,
    Result,
)
from rdr_core.evaluation.ablation_verdicts import Verdict
from rdr_core.evaluation.curves import can_draw
from rdr_core.evaluation.published import RECONSTRUCTION
from rdr_core.evaluation.tables import Row, Table, markdown
from rdr_core.modeling.variants import FIGURE_4

_COLORS: Final = dict(zip(FIGURE_4, ("#1b6ca8", "#d1495b", "#2e8b57"), strict=True))
_W300: Final = {"2D": W300_2D, "3D": W300_3D}
_STYLES: Final = {"2D": "-", "3D": "--"}
_TICKS: Final = (2, 2.5, 3, 3.5, 4, 5, 6, 8, 10, 15, 20, 30, 50, 80)


def write_ablation(
    folder: Path, results: Sequence[Result], verdicts: Sequence[Verdict], recipe: dict[str, Any]
) -> Path:
    """Write ablation.md, .json and .csv, and figure4.png where a variant of the figure is among the results.

    `recipe`: what all variants have in common, into the JSON file and the heading. Returns the path of ablation.md.
    """
    stored = {"recipe": recipe, "results": [asdict(result) for result in results]}
    content = _finite(stored | {"verdicts": [asdict(verdict) for verdict in verdicts]})
    with whole_file(folder / "ablation.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    _write_csv(folder / "ablation.csv", results)
    if can_draw() and any(result.name in FIGURE_4 for result in results):
        draw_figure_4(folder / "figure4.png", results)
    said = [f"* {verdict}" for verdict in verdicts]
    heading = [f"# Ablation of `{recipe['preset']}`, {recipe['steps']} steps of training each", ""]
    lines = [*heading, *said, *([""] if said else []), *(markdown(table) for table in tables(results))]
    with whole_file(folder / "ablation.md") as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")
    return folder / "ablation.md"


def tables(results: Sequence[Result]) -> list[Table]:
    """Arrange the numbers of the results in tables."""
    found = [
        _by_step("300-W common, NME in % of the inter-ocular distance", results, _W300),
        _by_step("AFLW2000-3D, NME in % of the box, mean of three bins of yaw", results, {"3D": AFLW2000_MEAN}),
        _at_the_end(results),
    ]
    if any(POSED in result.curves for result in results):
        found.append(_reconstruction(results))
    return [*found, _cost(results)]


def _by_step(title: str, results: Sequence[Result], measures: dict[str, str]) -> Table:
    rows = [row for result in results for row in curves_of(result, measures).items()]
    steps = max(len(values) for _, values in rows)
    padded = [Row(name, (*values, *[None] * (steps - len(values)))) for name, values in rows]
    note = "2D: S, 3D: S_p. Step 0 is the initial face." if "2D" in measures else "The head's own points: the 3D face."
    return Table(title, tuple(f"k = {k}" for k in range(steps)), tuple(padded), note, "curve")


def curves_of(result: Result, measures: dict[str, str]) -> dict[str, list[float]]:
    """Label as in Figure 4 -> curve, of the measures that the variant has."""
    return {
        f"{result.label}-{ending}": result.curves[name] for ending, name in measures.items() if name in result.curves
    }


def _at_the_end(results: Sequence[Result]) -> Table:
    measures = (*AFLW2000_BINS, REANNOTATED_MEAN, POSE)
    rows = [Row(result.label, tuple(result.curves[name][-1] for name in measures)) for result in results]
    columns = tuple(name.removeprefix("AFLW2000-3D ") for name in measures)
    return Table("AFLW2000-3D after the last step", columns, tuple(rows), head="variant")


def _reconstruction(results: Sequence[Result]) -> Table:
    words = {POSED: "posed", EXPRESSIVE: "expressive"}
    rows = [
        Row(f"{result.label}, {word}", (result.curves[name][0], result.curves[name][-1]))
        for result in results
        for name, word in words.items()
        if name in result.curves
    ]
    note = (
        "Rendered people that no variant has seen, vertices of the face: posed, in the picture and its depth; "
        "expressive, after the best similarity. The paper's faces and vertices are others."
    )
    return replace(RECONSTRUCTION, note=note).with_rows(rows)


def _cost(results: Sequence[Result]) -> Table:
    rows = [Row(r.label, (r.facts["parameters"] / 1e6, r.facts["ms per face"])) for r in results]
    columns = ("million parameters", "ms per face")
    return Table("Cost", columns, tuple(rows), "One face at a time, in torch.", "variant", ranked=False)


def draw_figure_4(path: Path, results: Sequence[Result]) -> None:
    """Draw the variants of Figure 4: 300-W common, error against k, S solid and S_p dashed; needs matplotlib."""
    if not can_draw():
        raise ConfigError("Figure 4 needs matplotlib: install the extra `train` (pip install 'rdr-live[train]')")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure  # without pyplot there is no window system and no global state
    from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullLocator

    figure = Figure(figsize=(6.4, 5.0), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shown = [result for result in results if result.name in FIGURE_4]
    for result in shown:
        for label, values in curves_of(result, _W300).items():
            style, color = _STYLES[label[-2:]], _COLORS[result.name]
            axes.plot(values, style, color=color, marker="o", markersize=4, label=label)
    last = max(len(result.curves[W300_3D]) for result in shown) - 1
    axes.set(xlabel="refinement steps k", ylabel="NME, % of the inter-ocular distance", title="300-W common")
    axes.set_yscale("log")  # a mean face starts far away
    axes.xaxis.set_major_locator(FixedLocator(range(last + 1)))
    axes.yaxis.set_major_locator(FixedLocator(_TICKS))
    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png")


def _write_csv(path: Path, results: Sequence[Result]) -> None:
    measures = list(dict.fromkeys(name for result in results for name in result.curves))
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["variant", "label", "k", *measures])
        for result in results:
            for k in range(max(map(len, result.curves.values()))):
                values = (result.curves.get(name, [])[k : k + 1] for name in measures)
                writer.writerow([result.name, result.label, k, *(f"{v[0]:.4f}" if v else "" for v in values)])


def _finite(content: Any) -> Any:
    """JSON has no NaN: what could not be measured is null."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
