"""How executions look in a notebook: a live picture, tables, results, as plain HTML without network. Runs nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from html import escape
from importlib import import_module
from typing import Any, overload

from flowray.client.live_state import LiveState
from flowray.drawing.svg import to_svg
from flowray.drawing.taken import taken_edges
from flowray.drawing.view import layout_view
from flowray.plan import ExecutionPlan
from flowray.values import encode_json

MIN_UPDATE_S = 0.1
"""Shortest time between two pictures: faster than that nobody sees, and every one travels to the browser."""

MAX_CELL_CHARS = 200
MAX_STREAM_CHARS = 4_000

_BOX = "border:1px solid #8886;border-radius:8px;padding:8px 12px;margin:8px 0;white-space:pre-wrap;"
_COLOURS = {
    "completed": "#1f8a4c", "failed": "#c8322b", "running": "#1d6fd8", "waiting": "#a86a10", "paused": "#a86a10",
    "cancelled": "#7a5ea8", "crashed": "#c8322b", "timed_out": "#c8322b",
}  # fmt: skip


class Table(Sequence[Mapping[str, Any]]):
    """Rows that show as an HTML table and are read as a list of dicts. ``columns``: row key → heading.

    ``empty`` is shown where there are no rows.
    """

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], empty: str = "Nothing here."
    ) -> None:
        self.rows = list(rows)
        self.columns = dict(columns)
        self.empty = empty

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | list[Mapping[str, Any]]:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.rows)

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame. Raises ModuleNotFoundError where pandas is not installed."""
        return import_module("pandas").DataFrame(self.rows)

    def __repr__(self) -> str:
        if not self.rows:
            return self.empty
        lines = ["  ".join(self.columns.values())]
        lines += ["  ".join(_short(row.get(key)) for key in self.columns) for row in self.rows]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p>{escape(self.empty)}</p>"
        head = "".join(f'<th style="text-align:left">{escape(title)}</th>' for title in self.columns.values())
        body = "".join(
            "<tr>" + "".join(f"<td {_LEFT}>{_cell(key, row.get(key))}</td>" for key in self.columns) + "</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


LOG_COLUMNS = {
    "node_id": "Node", "instance": "Instance", "type": "Type", "status": "Status", "attempt": "Attempt",
    "duration_ms": "ms", "input": "Input", "output": "Output", "error": "Error",
}  # fmt: skip


def logs_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Node logs, one row per attempt, in the shape of ``GET /v1/executions/{id}/nodes``."""
    scoped = any(row["instance"] != row["node_id"] for row in rows)
    return Table(rows, {key: title for key, title in LOG_COLUMNS.items() if scoped or key != "instance"})


class Picture:
    """A plan with the states of one execution, drawn again and again; its layout is computed once."""

    def __init__(self, plan: ExecutionPlan) -> None:
        self._plan = plan
        self._view = layout_view(plan)

    def svg(self, state: LiveState) -> str:
        """The picture of the moment."""
        statuses = {node_id: status for node_id, status in state.statuses().items() if node_id in self._plan.nodes}
        taken = taken_edges(self._plan, statuses, state.handles())
        return to_svg(self._plan, statuses, badges=state.badges(), taken=taken, view=self._view)

    def html(self, state: LiveState, headline: str = "") -> str:
        """Headline, picture, streamed text, and the result once there is one."""
        return "".join(
            [
                headline_html(state.status, headline),
                f"<div>{self.svg(state)}</div>",
                *(_stream_html(stream.node_id, stream.text) for stream in state.llm_streams if stream.text),
                error_html(state.error) if state.error else "",
                _outputs_html(state.output) if state.is_complete and state.output not in (None, {}) else "",
            ]
        )


class LiveDisplay:
    """Shows HTML in the running notebook cell and replaces it in place. Outside a notebook it does nothing."""

    def __init__(self, html: Callable[[], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._html = html
        self._clock = clock
        self._shown_at = 0.0
        self._handle: Any = None
        if in_notebook():
            display = _ipython_display()
            self._handle = display.display(display.HTML(html()), display_id=True)
            self._shown_at = clock()

    def update(self, *, force: bool = False) -> None:
        """Show the state of now, unless the last picture is younger than ``MIN_UPDATE_S``."""
        if self._handle is None or (not force and self._clock() - self._shown_at < MIN_UPDATE_S):
            return
        self._handle.update(_ipython_display().HTML(self._html()))
        self._shown_at = self._clock()


def in_notebook() -> bool:
    """True in a kernel that can replace what a cell shows; False in a terminal, a script or without IPython."""
    return current_cell() is not None


def current_cell() -> int | None:
    """Number of the notebook cell that is running; None outside a notebook."""
    try:
        shell = import_module("IPython").get_ipython()
    except ModuleNotFoundError:
        return None
    return int(shell.execution_count) if shell is not None and getattr(shell, "kernel", None) is not None else None


@lru_cache(maxsize=1)
def _ipython_display() -> Any:
    """IPython.display: part of the extra ``notebook``, so it is loaded only where a notebook runs."""
    return import_module("IPython.display")


def headline_html(status: str, text: str) -> str:
    """A status and what has it, in one line."""
    return f"<div>{_pill(status)} {escape(text)}</div>"


def error_html(error: Mapping[str, Any]) -> str:
    """An error with where it happened."""
    where = " · ".join(str(error[key]) for key in ("code", "node_id") if error.get(key))
    if error.get("attempt"):
        where += f" · attempt {error['attempt']}"
    hint = f"<br>{escape(str(error['hint']))}" if error.get("hint") else ""
    text = escape(str(error.get("message", "")))
    return f'<div style="{_BOX}border-left:4px solid #c8322b">{text}<br><small>{escape(where)}</small>{hint}</div>'


def diagnostics_table(diagnostics: Sequence[Mapping[str, Any]]) -> Table:
    """Findings about a definition."""
    columns = {"severity": "Severity", "code": "Code", "node_id": "Node", "message": "Message", "hint": "Hint"}
    return Table(diagnostics, columns, "No findings.")


_LEFT = 'style="text-align:left;vertical-align:top"'


def _stream_html(node_id: str, text: str) -> str:
    shown = text if len(text) <= MAX_STREAM_CHARS else "…" + text[-MAX_STREAM_CHARS:]
    return f'<div style="{_BOX}"><b>{escape(node_id)}</b>\n{escape(shown)}</div>'


def _outputs_html(outputs: Any) -> str:
    if not isinstance(outputs, Mapping):
        return f'<div style="{_BOX}">{escape(_text(outputs))}</div>'
    rows = [{"name": name, "value": value} for name, value in outputs.items()]
    return Table(rows, {"name": "Output", "value": "Value"})._repr_html_()


def _pill(status: str) -> str:
    colour = _COLOURS.get(status, "#6b7686")
    style = f"color:{colour};border:1px solid {colour};border-radius:99px;padding:1px 9px;font-weight:600"
    return f'<span style="{style}">{escape(status.replace("_", " "))}</span>'


def _cell(key: str, value: Any) -> str:
    if key == "status":
        return _pill(str(value))
    if key == "error" and isinstance(value, Mapping):
        value = f"{value.get('code')}: {value.get('message')}"
    return escape(_short(value))


def _short(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= MAX_CELL_CHARS else text[: MAX_CELL_CHARS - 1] + "…"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else encode_json(value).decode()
