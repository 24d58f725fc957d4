"""An execution plan as one self-contained SVG picture: no script, no font, nothing loaded; all text escaped."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from html import escape
from typing import Any

from flowray.drawing.labels import STATUSES
from flowray.drawing.styles import style_sheet
from flowray.drawing.taken import taken_edges
from flowray.drawing.view import MARGIN, layout_view
from flowray.plan import ExecutionPlan

LEGEND_HEIGHT = 34.0
LEGEND_STEP = 92.0
MIN_WIDTH = 220.0
MAX_DESCRIBED = 200
"""Nodes that the description of the whole picture lists; a longer text helps no listener."""

SIGNS = {
    "pending": "",
    "ready": "M-3 0h6",
    "running": "M-2 -3.5L3.5 0L-2 3.5Z",
    "waiting": "M-2 -3.5V3.5M2 -3.5V3.5",
    "completed": "M-3.5 0.2L-1 2.8L3.6 -2.6",
    "failed": "M-2.8 -2.8L2.8 2.8M2.8 -2.8L-2.8 2.8",
    "skipped": "M-3.5 -2.5L0 0L-3.5 2.5M0.5 -2.5L4 0L0.5 2.5",
    "cancelled": "M-2.6 -2.6H2.6V2.6H-2.6Z",
}
"""A sign per status, around (0, 0), so that no state is told by its colour alone."""


def to_svg(
    plan: ExecutionPlan,
    statuses: Mapping[str, str] | None = None,
    *,
    badges: Mapping[str, str] | None = None,
    taken: Collection[str] | None = None,
    theme: str = "auto",
    view: Mapping[str, Any] | None = None,
) -> str:
    """The picture as SVG text.

    ``statuses``: node id → node status; nodes without one are pending. None draws the plan without any state.
    ``badges``: node id → short text in its corner, such as ``3/10``. ``taken``: ids of the edges that lived; None
    guesses them from the statuses. ``theme``: auto, light or dark. ``view``: what ``layout_view(plan)`` returned
    before, to save the layout of a picture that is drawn again and again. Raises ValueError for an unknown status.
    """
    states = dict(statuses or {})
    unknown = sorted(set(states.values()) - set(STATUSES))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not a status of a node")
    drawn = view or layout_view(plan)
    lived = taken_edges(plan, states) if taken is None else frozenset(taken)
    shown = _Shown(states if statuses is not None else None, dict(badges or {}), lived)
    present = {shown.status(item["id"]) for item in (*drawn["nodes"], *drawn["groups"])}
    legend = tuple(status for status in STATUSES if status in present) if statuses is not None else ()
    width = max(drawn["width"], MIN_WIDTH, len(legend) * LEGEND_STEP + 2 * MARGIN if legend else 0)
    height = drawn["height"] + (LEGEND_HEIGHT if legend else 0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="fr fr-{theme}" role="img"'
        f' aria-label="{_attribute(_headline(plan))}" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" height="{height:g}" style="max-width:100%;height:auto">',
        f"<title>{escape(_headline(plan))}</title><desc>{escape(_description(plan, shown))}</desc>",
        f"<style>{style_sheet(theme, STATUSES)}</style>",
        f'<rect class="fr-bg" width="{width:g}" height="{height:g}" rx="10"/>',
        f'<g transform="translate({(width - drawn["width"]) / 2:g} 0)">',
        *(_group(group, shown) for group in drawn["groups"]),
        *(_edge(edge, shown) for edge in drawn["edges"]),
        *(_node(node, shown) for node in drawn["nodes"]),
        "</g>",
        _legend(legend, drawn["height"]),
        "</svg>",
    ]
    return "".join(parts)


class _Shown:
    """What of an execution is drawn onto the plan."""

    def __init__(self, statuses: Mapping[str, str] | None, badges: Mapping[str, str], taken: frozenset[str]) -> None:
        self.statuses = statuses
        self.badges = badges
        self.taken = taken

    def status(self, node_id: str) -> str:
        """The status to draw; "" in a picture without states."""
        return "" if self.statuses is None else self.statuses.get(node_id, "pending")


def _headline(plan: ExecutionPlan) -> str:
    return f"Workflow {plan.name}" if plan.name else "Workflow"


def _description(plan: ExecutionPlan, shown: _Shown) -> str:
    listed = list(plan.nodes.values())[:MAX_DESCRIBED]
    words = [f"{node.name or node.id} {shown.status(node.id)}".strip() for node in listed]
    more = len(plan.nodes) - len(listed)
    return f"{len(plan.nodes)} nodes: {', '.join(words)}" + (f" and {more} more." if more else ".")


def _node(node: Mapping[str, Any], shown: _Shown) -> str:
    status = shown.status(node["id"])
    text_x = node["x"] + (40 if status else 14)
    middle = node["y"] + node["height"] / 2
    return (
        f'<g class="fr-node {status}" data-node="{_attribute(node["id"])}">{_words(node, shown)}'
        f'<rect class="fr-card" x="{node["x"]:g}" y="{node["y"]:g}" width="{node["width"]:g}"'
        f' height="{node["height"]:g}" rx="9"/>'
        f"{_sign(status, node['x'] + 21, middle)}"
        f'<text class="fr-title" x="{text_x:g}" y="{middle - 3:g}">{escape(node["title"])}</text>'
        f'<text class="fr-sub" x="{text_x:g}" y="{middle + 13:g}">{escape(node["subtitle"])}</text>'
        f"{_badge(node, shown, middle + 13)}</g>"
    )


def _group(group: Mapping[str, Any], shown: _Shown) -> str:
    status = shown.status(group["id"])
    text_x, line = group["x"] + (36 if status else 16), group["y"] + 24
    title = f'{escape(group["title"])} <tspan class="fr-sub" font-weight="400">{escape(group["subtitle"])}</tspan>'
    return (
        f'<g class="fr-group {status}" data-node="{_attribute(group["id"])}">{_words(group, shown)}'
        f'<rect class="fr-card" x="{group["x"]:g}" y="{group["y"]:g}" width="{group["width"]:g}"'
        f' height="{group["height"]:g}" rx="12"/>'
        f"{_sign(status, group['x'] + 20, line - 4)}"
        f'<text class="fr-title" x="{text_x:g}" y="{line:g}">{title}</text>{_badge(group, shown, line)}</g>'
    )


def _words(item: Mapping[str, Any], shown: _Shown) -> str:
    status, badge = shown.status(item["id"]), shown.badges.get(item["id"], "")
    state = ", ".join(part for part in (status, badge) if part)
    return f"<title>{escape(item['label'])}</title>" + (f"<desc>{escape(state)}</desc>" if state else "")


def _badge(item: Mapping[str, Any], shown: _Shown, y: float) -> str:
    text = shown.badges.get(item["id"])
    if not text:
        return ""
    return f'<text class="fr-badge" x="{item["x"] + item["width"] - 10:g}" y="{y:g}">{escape(text)}</text>'


def _sign(status: str, x: float, y: float) -> str:
    if not status:
        return ""
    return f'<g class="fr-sign" transform="translate({x:g} {y:g})"><circle r="9"/><path d="{SIGNS[status]}"/></g>'


def _edge(edge: Mapping[str, Any], shown: _Shown) -> str:
    tip, state = edge["tip"], ""
    if edge["id"] in shown.taken:
        state = " taken"
    elif "skipped" in (shown.status(edge["target"]), shown.status(edge["source"])):
        state = " dead"
    side = 7 if tip["up"] else -7
    label = edge["label"]
    text = f'<text x="{label["x"]:g}" y="{label["y"] + 4:g}">{escape(label["text"])}</text>' if label else ""
    return (
        f'<g class="fr-edge {edge["kind"]}{state}" data-edge="{_attribute(edge["id"])}"><path d="{edge["path"]}"/>'
        f'<path class="fr-tip" d="M{tip["x"]:g} {tip["y"]:g}l-4.5 {side}h9z"/>{text}</g>'
    )


def _legend(statuses: tuple[str, ...], y: float) -> str:
    entries = [
        f'<g class="{status}">{_sign(status, MARGIN + 9 + index * LEGEND_STEP, y + 10)}'
        f'<text x="{MARGIN + 23 + index * LEGEND_STEP:g}" y="{y + 14:g}">{status}</text></g>'
        for index, status in enumerate(statuses)
    ]
    return f'<g class="fr-legend" aria-hidden="true">{"".join(entries)}</g>' if entries else ""


def _attribute(text: str) -> str:
    return escape(text, quote=True)
