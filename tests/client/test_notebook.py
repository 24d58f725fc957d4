from types import SimpleNamespace
from typing import Any

import pytest

from flowray.client import notebook
from flowray.client.live_state import LiveState
from flowray.client.notebook import (
    MAX_CELL_CHARS,
    LiveDisplay,
    Picture,
    Table,
    current_cell,
    diagnostics_table,
    error_html,
    in_notebook,
    logs_table,
)
from tests.engine.plans import PlanMaker


def row(node_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "node_id": node_id, "instance": node_id, "type": "http", "status": "completed", "attempt": 1,
        "duration_ms": 12, "input": {"url": "x"}, "output": "<b>", "error": None, **fields,
    }  # fmt: skip


def test_a_table_is_a_list_of_rows_that_shows_itself() -> None:
    table = logs_table([row("a"), row("b", error={"code": "HTTP_ERROR", "message": "refused"})])
    assert len(table) == 2
    assert table[1]["node_id"] == "b"
    assert [one["node_id"] for one in table] == ["a", "b"]
    assert table[:1] == [row("a")]
    html = table._repr_html_()
    assert "HTTP_ERROR: refused" in html
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert 'a  http  completed  1  12  {"url":"x"}' in repr(table)


def test_instances_have_a_column_only_where_they_tell_something() -> None:
    assert "instance" not in logs_table([row("a")]).columns
    assert "instance" in logs_table([row("a", instance="each[0]/a")]).columns


def test_long_values_are_cut_in_cells_but_not_in_rows() -> None:
    table = Table([{"value": "x" * 1_000}], {"value": "Value"})
    assert "x" * MAX_CELL_CHARS not in table._repr_html_()
    assert len(table[0]["value"]) == 1_000


def test_a_table_without_pandas_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[Any] = []
    monkeypatch.setattr(notebook, "import_module", lambda name: SimpleNamespace(DataFrame=frames.append))
    Table([{"a": 1}], {"a": "A"}).to_pandas()
    assert frames == [[{"a": 1}]]


def test_findings_are_a_table() -> None:
    found = {"severity": "error", "code": "X", "node_id": "n", "message": "wrong", "hint": None, "pointer": ""}
    assert "wrong" in diagnostics_table([found])._repr_html_()
    assert diagnostics_table([])._repr_html_() == "<p>No findings.</p>"
    assert repr(diagnostics_table([])) == "No findings."


def test_a_picture_shows_states_text_and_result() -> None:
    plan = PlanMaker().branch("c").node("a").node("b").edge("c true-> a", "c false-> b").build()
    picture, state, node = Picture(plan), LiveState(), {"node_id": "a", "instance": "a"}
    state.apply(
        [
            {"seq": 1, "type": "execution.started"},
            {"seq": 2, "type": "node.completed", "node_id": "c", "instance": "c", "attempt": 1, "handles": ["true"]},
            {"seq": 3, **node, "type": "node.started", "attempt": 1},
            {"seq": 4, **node, "type": "node.token", "stream_id": "s", "offset": 0, "text": "<i>"},
        ]
    )
    html = picture.html(state, "Demo & more")
    assert 'class="fr-node running" data-node="a"' in html
    assert html.count('class="fr-edge flow taken"') == 1
    assert "Demo &amp; more" in html
    assert "&lt;i&gt;" in html
    assert "Output" not in html
    state.apply([{"seq": 5, "type": "execution.completed", "outputs": {"answer": 42}}])
    assert "answer" in picture.html(state)
    assert "http" not in picture.html(state).replace("http://www.w3.org/2000/svg", "")


def test_an_error_names_code_node_and_attempt() -> None:
    html = error_html({"message": "<no>", "code": "HTTP_STATUS", "node_id": "a", "attempt": 2, "hint": "look"})
    assert "&lt;no&gt;" in html
    assert "HTTP_STATUS · a · attempt 2" in html
    assert "look" in html


def test_outside_a_notebook_nothing_is_displayed() -> None:
    calls: list[int] = []
    LiveDisplay(lambda: calls.append(1) or "").update(force=True)
    assert (in_notebook(), current_cell(), calls) == (False, None, [])


class FakeKernel:
    """What a notebook's kernel offers, as far as a live display needs it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[str] = []
        shell = SimpleNamespace(kernel=object(), execution_count=7)
        modules = {"IPython": SimpleNamespace(get_ipython=lambda: shell)}
        monkeypatch.setattr(notebook, "import_module", modules.__getitem__)
        monkeypatch.setattr(notebook, "_ipython_display", lambda: self)

    def HTML(self, html: str) -> str:  # noqa: N802
        return html

    def display(self, html: str, display_id: bool) -> "FakeKernel":
        assert display_id
        self.shown.append(html)
        return self

    def update(self, html: str) -> None:
        self.shown.append(html)


def test_in_a_notebook_the_picture_is_replaced_but_not_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, now, count = FakeKernel(monkeypatch), [0.0], [0]

    def html() -> str:
        count[0] += 1
        return f"picture {count[0]}"

    display = LiveDisplay(html, clock=lambda: now[0])
    display.update()
    now[0] = 0.2
    display.update()
    display.update()
    display.update(force=True)
    assert kernel.shown == ["picture 1", "picture 2", "picture 3"]
    assert current_cell() == 7


def test_a_python_without_ipython_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(notebook, "import_module", missing)
    assert in_notebook() is False
