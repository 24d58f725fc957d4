"""Draws how the cost grows with the size, from the newest results that are kept, as SVG for ``docs/performance.md``.

``python -m benchmarks.plots``; needs the extra ``charts``. What is drawn is in ``curves``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.curves import DRAWINGS, Curve, Drawing, caption, curves
from benchmarks.results import DATABASES, Document, newest

PLOTS = Path(__file__).parents[1] / "docs/plots"

COLOURS = {"sqlite": "#0b6e99", "postgresql": "#b3541e"}
GREEN = "#15803d"
GREY = "#6b7280"
STYLE = {
    "svg.hashsalt": "flowray", "svg.fonttype": "none", "font.size": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY, "xtick.color": GREY,
    "ytick.color": GREY, "axes.grid": True, "grid.color": "#e5e7eb", "grid.linewidth": 0.7, "axes.axisbelow": True,
}  # fmt: skip


def draw(drawing: Drawing, found: Sequence[Curve], under: str, file: Path) -> None:
    """One plot: medians joined, bars from the smallest to the largest run, the goals as marks."""
    with mpl.rc_context(STYLE):
        canvas = Canvas(figsize=(8.4, 4.8), layout="constrained")
        axes: Axes = canvas.subplots()
        axes.set_xscale("log")
        axes.set_yscale("log")
        for curve in found:
            _add(axes, curve)
        _add_ideal(axes, drawing, found)
        for size, goal in drawing.goals:
            label = f"goal: {goal:g} s for {size:,}"
            axes.plot([size], [goal], "_", markersize=22, markeredgewidth=2.5, color=GREEN, label=label)
        axes.set_title(drawing.title, loc="left", fontsize=12, fontweight="bold", pad=12)
        axes.set_xlabel(drawing.across)
        axes.set_ylabel("seconds")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.margins(x=0.06, y=0.12)
        least, most = axes.get_ylim()
        plain = FuncFormatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(plain if most < 15 * least else NullFormatter())
        axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        canvas.supxlabel(under, fontsize=7.5, color=GREY, x=0.01, ha="left")
        file.parent.mkdir(parents=True, exist_ok=True)
        canvas.savefig(file, format="svg", metadata={"Date": None}, facecolor="white")


def _add(axes: Axes, curve: Curve) -> None:
    medians = [point.median for point in curve.points]
    spread = [
        [point.median - point.least for point in curve.points],
        [point.most - point.median for point in curve.points],
    ]
    axes.errorbar(
        [point.size for point in curve.points], medians, yerr=spread, label=curve.label, color=COLOURS[curve.database],
        linestyle="--" if curve.over_http else "-", marker="o", markersize=4.5, capsize=3, linewidth=1.6,
        markerfacecolor="white" if curve.over_http else None,
    )  # fmt: skip


def _add_ideal(axes: Axes, drawing: Drawing, found: Sequence[Curve]) -> None:
    """What grew as the size does, through the largest measured size of the first curve; or what cannot be less."""
    sizes = [point.size for point in found[0].points]
    last = found[0].points[-1]
    ideal = [drawing.least or last.median * size / last.size for size in sizes]
    label = f"{drawing.least:g} s, the least possible" if drawing.least else "in proportion to the size"
    axes.plot(sizes, ideal, color=GREY, linestyle=":", linewidth=1.2, label=label, zorder=1)
    if drawing.least:
        axes.set_ylim(bottom=drawing.least / 2)


def main(folder: Path = PLOTS) -> None:
    """Every plot for which there are figures."""
    documents: list[Document] = []
    for name in DATABASES:
        documents += newest(name)
    for drawing in DRAWINGS:
        found = curves(documents, drawing)
        if found:
            file = folder / f"{drawing.file}.svg"
            draw(drawing, found, caption(documents, drawing), file)
            print(file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plots", description=__doc__)
    parser.add_argument("--out", type=Path, default=PLOTS, help="folder of the plots")
    main(parser.parse_args().out)
