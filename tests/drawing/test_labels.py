from flowray.drawing.labels import describe, kind_of, label_of, shorten, title_of
from flowray.plan import ExecutableNode, PlanEdge


def test_a_title_is_one_short_line() -> None:
    assert title_of(ExecutableNode(id="n", type="http", name="Fetch\n  the order")) == "Fetch the order"
    assert title_of(ExecutableNode(id="a-node", type="http")) == "a-node"
    assert shorten("abcdefghij", 6) == "abcde…"


def test_a_description_leaves_nothing_out() -> None:
    node = ExecutableNode(id="n1", type="llm", name="x" * 80)
    assert describe(node, "failed", "attempt 2") == f"{'x' * 80} (n1), llm, failed, attempt 2"
    assert describe(ExecutableNode(id="n1", type="llm", name="n1")) == "n1, llm"


def test_plain_success_has_no_label() -> None:
    assert label_of(PlanEdge(id="e", source="a", target="b")) == ""
    assert label_of(PlanEdge(id="e", source="a", target="b", handle="true")) == "true"


def test_an_edge_is_drawn_by_handle_or_kind() -> None:
    kinds = [
        kind_of(PlanEdge(id="e", source="a", target="b", **fields))
        for fields in ({}, {"handle": "error"}, {"handle": "goto"}, {"kind": "exit"}, {"kind": "ordering"})
    ]
    assert kinds == ["flow", "error", "goto", "exit", "ordering"]
