"""Colours and lines of a drawing, light and dark, as CSS inside the SVG. Nothing is loaded from anywhere."""

from __future__ import annotations

from collections.abc import Mapping

_LIGHT = {
    "bg": "#fbfcfe", "ink": "#1c2430", "muted": "#5f6b7c", "line": "#9aa6b6", "card": "#ffffff", "card-line": "#cfd7e2",
    "group": "#eef2f8", "group-line": "#c3cddb", "error": "#c8322b", "pending": "#8b97a8", "ready": "#3b82c4",
    "running": "#1d6fd8", "waiting": "#b7791f", "completed": "#1f8a4c", "failed": "#c8322b", "skipped": "#8b97a8",
    "cancelled": "#7a5ea8",
}  # fmt: skip
_DARK = {
    "bg": "#12171f", "ink": "#e6ebf2", "muted": "#98a4b5", "line": "#66748a", "card": "#1b222d", "card-line": "#364253",
    "group": "#171d27", "group-line": "#36455a", "error": "#ff7b72", "pending": "#78869a", "ready": "#6cb0ee",
    "running": "#58a6ff", "waiting": "#e3b341", "completed": "#4ccb7f", "failed": "#ff7b72", "skipped": "#78869a",
    "cancelled": "#b79df0",
}  # fmt: skip

_RULES = """
.fr{font-family:ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.fr-bg{fill:var(--fr-bg)}
.fr-card{fill:var(--fr-card);stroke:var(--fr-card-line);stroke-width:1.2}
.fr-group>.fr-card{fill:var(--fr-group);stroke:var(--fr-group-line);stroke-dasharray:6 4}
.fr-title{fill:var(--fr-ink);font-size:13px;font-weight:600}
.fr-sub,.fr-badge,.fr-legend text{fill:var(--fr-muted);font-size:11px}
.fr-badge{text-anchor:end}
.fr-sign circle{fill:var(--fr-card);stroke:var(--fr-state);stroke-width:1.8}
.fr-sign path{fill:none;stroke:var(--fr-state);stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
.fr-edge path{fill:none;stroke:var(--fr-line);stroke-width:1.5}
.fr-edge .fr-tip{fill:var(--fr-line);stroke:none}
.fr-edge text{font-size:11px;text-anchor:middle;fill:var(--fr-muted);stroke:var(--fr-bg);stroke-width:4px;
paint-order:stroke;stroke-linejoin:round}
.fr-edge.error path{stroke:var(--fr-error);stroke-dasharray:6 4}
.fr-edge.error .fr-tip,.fr-edge.error text{fill:var(--fr-error)}
.fr-edge.ordering path{stroke-dasharray:1.5 4;stroke-linecap:round}
.fr-edge.goto path{stroke-dasharray:10 4}
.fr-edge.taken path{stroke-width:2.6}
.fr-edge.taken:not(.error) path{stroke:var(--fr-completed)}
.fr-edge.taken:not(.error) .fr-tip{fill:var(--fr-completed)}
.fr-edge.dead{opacity:.4}
.fr-node.skipped,.fr-group.skipped>.fr-title,.fr-group.skipped>.fr-sign{opacity:.55}
.fr-node.skipped>.fr-card{stroke-dasharray:4 3}
.fr-node.completed>.fr-card,.fr-node.failed>.fr-card,.fr-node.running>.fr-card,.fr-node.waiting>.fr-card,
.fr-node.ready>.fr-card,.fr-node.cancelled>.fr-card,.fr-group.running>.fr-card,.fr-group.failed>.fr-card,
.fr-group.completed>.fr-card{stroke:var(--fr-state);stroke-width:1.8}
@keyframes fr-pulse{50%{stroke-opacity:.35}}
@media (prefers-reduced-motion:no-preference){
.fr-node.running>.fr-card,.fr-node.running .fr-sign circle{animation:fr-pulse 1.2s ease-in-out infinite}}
"""


def style_sheet(theme: str, statuses: tuple[str, ...]) -> str:
    """The CSS of one drawing. ``theme`` is light, dark, or auto: what the reader's system prefers."""
    if theme not in ("auto", "light", "dark"):
        raise ValueError(f"theme must be auto, light or dark, not {theme!r}")
    # Several pictures may share a page: each theme has a class of its own.
    colours = f".fr-{theme}{{{_variables(_DARK if theme == 'dark' else _LIGHT)}}}"
    if theme == "auto":
        colours += f"@media (prefers-color-scheme:dark){{.fr-auto{{{_variables(_DARK)}}}}}"
    states = "".join(f".fr .{status}{{--fr-state:var(--fr-{status})}}" for status in statuses)
    return colours + states + _RULES.replace("\n", "")


def _variables(colours: Mapping[str, str]) -> str:
    return ";".join(f"--fr-{name}:{value}" for name, value in colours.items())
