"""Draws charts by matplotlib, without pyplot and its global state. Runs in the killable process."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from typing import Any

from flowray.handlers.extras import load_extra

DPI = 100
_TICKS = 30
"""More labels than that overlap on any chart."""

_STYLES = {"default": [], "light": [], "dark": ["dark_background"], "minimal": [], "colorful": ["ggplot"]}
_SETTINGS = {"text.parse_math": False, "svg.fonttype": "path", "figure.autolayout": False}
"""Dollars in a title are money, not mathematics."""


@dataclass(frozen=True)
class Series:
    """One line, set of bars or cloud of points. ``values`` and ``xs`` are as long as each other; NaN is a gap."""

    name: str
    values: tuple[float, ...]
    xs: tuple[float, ...] = ()


@dataclass(frozen=True)
class ChartData:
    """``labels`` name the places along the axis, or the slices."""

    labels: tuple[str, ...]
    series: tuple[Series, ...]


@dataclass(frozen=True)
class ChartLook:
    """Sizes in pixels. ``kind`` as in the config of ``chartGeneration``."""

    kind: str
    title: str = ""
    x_label: str = ""
    y_label: str = ""
    width: int = 800
    height: int = 600
    theme: str = "default"
    legend: bool = True
    grid: bool = True
    values: bool = False
    format: str = "png"


def draw_chart(data: ChartData, look: ChartLook) -> bytes:
    """The chart as PNG, SVG or PDF. Raises MISSING_EXTRA."""
    matplotlib = load_extra("matplotlib", "charts")
    style = load_extra("matplotlib.style", "charts")
    figures = load_extra("matplotlib.figure", "charts")
    agg = load_extra("matplotlib.backends.backend_agg", "charts")
    for name in ("matplotlib", "matplotlib.font_manager"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with style.context(_STYLES.get(look.theme, [])), matplotlib.rc_context(_SETTINGS):
        figure = figures.Figure(figsize=(look.width / DPI, look.height / DPI), dpi=DPI, layout="constrained")
        agg.FigureCanvasAgg(figure)
        axes = figure.subplots()
        if not any(series.values for series in data.series):
            axes.text(0.5, 0.5, "No data", ha="center", va="center", transform=axes.transAxes)
            axes.set_axis_off()
        elif look.kind in ("pie", "doughnut"):
            _pie(axes, data, look)
        else:
            _KINDS[look.kind](axes, data, look)
            _finish(axes, data, look)
        if look.title:
            axes.set_title(look.title, wrap=True)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=look.format, metadata=_NO_DATES.get(look.format))
        return buffer.getvalue()


_NO_DATES = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""The same data is the same file."""


def _finish(axes: Any, data: ChartData, look: ChartLook) -> None:
    axes.set_xlabel(look.x_label)
    axes.set_ylabel(look.y_label)
    if look.grid and look.theme != "minimal":
        axes.grid(visible=True, alpha=0.3)
        axes.set_axisbelow(True)
    if look.theme == "minimal":
        axes.spines[["top", "right"]].set_visible(False)
    if look.legend and any(series.name for series in data.series):
        axes.legend()


def _line(axes: Any, data: ChartData, look: ChartLook) -> None:
    for series in data.series:
        xs = series.xs or range(len(series.values))
        drawn = axes.plot(xs, series.values, marker="o" if len(series.values) <= _TICKS else "", label=series.name)
        if look.kind == "area":
            axes.fill_between(xs, series.values, alpha=0.3, color=drawn[0].get_color())
        if look.values and len(series.values) <= _TICKS:
            for x, y in zip(xs, series.values, strict=True):
                axes.annotate(f"{y:g}", (x, y), textcoords="offset points", xytext=(0, 6), ha="center")
    if not any(series.xs for series in data.series):
        _name_places(axes, data)


def _scatter(axes: Any, data: ChartData, look: ChartLook) -> None:
    for series in data.series:
        axes.scatter(series.xs or range(len(series.values)), series.values, label=series.name)
    if not any(series.xs for series in data.series):
        _name_places(axes, data)


def _bars(axes: Any, data: ChartData, look: ChartLook) -> None:
    stacked, flat = look.kind == "stackedBar", look.kind == "horizontalBar"
    width = 0.8 if stacked else 0.8 / len(data.series)
    bases = [0.0] * len(data.labels)
    for at, series in enumerate(data.series):
        heights = [0.0 if value != value else value for value in series.values]
        heights += [0.0] * (len(data.labels) - len(heights))
        places = [
            place + (0 if stacked else (at - (len(data.series) - 1) / 2) * width) for place in range(len(heights))
        ]
        if flat:
            drawn = axes.barh(places, heights, width, label=series.name)
        else:
            drawn = axes.bar(places, heights, width, label=series.name, bottom=bases if stacked else None)
        if look.values:
            axes.bar_label(drawn, fmt="%g")
        bases = [base + height for base, height in zip(bases, heights, strict=True)]
    _name_places(axes, data, "y" if flat else "x")
    if flat:
        axes.invert_yaxis()


def _histogram(axes: Any, data: ChartData, look: ChartLook) -> None:
    for series in data.series:
        axes.hist([value for value in series.values if value == value], bins="sqrt", alpha=0.7, label=series.name)


def _pie(axes: Any, data: ChartData, look: ChartLook) -> None:
    """Of the first series; slices that are nothing, or less, are left out."""
    pairs = zip(data.labels, data.series[0].values, strict=False)
    slices = [(label, value) for label, value in pairs if value > 0]
    if not slices:
        axes.text(0.5, 0.5, "No data", ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    labels, values = [label for label, _ in slices], [value for _, value in slices]
    ring = {"width": 0.4} if look.kind == "doughnut" else None
    axes.pie(values, labels=None if look.legend else labels, autopct="%1.1f%%", wedgeprops=ring)
    axes.set_aspect("equal")
    if look.legend:
        axes.legend(labels, loc="center left", bbox_to_anchor=(1, 0.5))


def _name_places(axes: Any, data: ChartData, axis: str = "x") -> None:
    step = max(1, -(-len(data.labels) // _TICKS))
    places, labels = list(range(0, len(data.labels), step)), [label[:40] for label in data.labels[::step]]
    if axis == "y":
        axes.set_yticks(places, labels)
    else:
        turned = sum(map(len, labels)) > 60
        axes.set_xticks(places, labels, rotation=45 if turned else 0, ha="right" if turned else "center")


_KINDS = {
    "line": _line, "area": _line, "bar": _bars, "stackedBar": _bars, "horizontalBar": _bars, "scatter": _scatter,
    "histogram": _histogram,
}  # fmt: skip
