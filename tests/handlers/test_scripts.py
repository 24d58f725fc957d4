"""What expressions of an author's may see."""

from __future__ import annotations

from flowray.expressions.names import Names
from flowray.handlers.scripts import is_javascript, jsonata_context, script_context, visible, without_templates

NAMES = Names(
    loop={"index": 1}, bound={"row": "bound"}, variables={"v": 1, "x": "variable"},
    outputs={"n": {"x": "inner"}, "my-node": 2},
    inputs={"x": "input", "row": "input"}, env={"HOME": "/"}, secrets={"KEY": "s"}, flatten=True,
)  # fmt: skip


def test_priority_and_no_secrets() -> None:
    roots = visible(NAMES)
    assert roots["x"] == "variable"
    assert roots["row"] == "bound"
    assert roots["loop"] == {"index": 1}
    assert roots["env"] == {"HOME": "/"}
    assert "s" not in repr(roots).replace("'", "").split()
    assert "KEY" not in roots


def test_only_what_is_read_goes_along() -> None:
    assert jsonata_context("x + v", NAMES) == {"x": "variable", "v": 1}
    assert jsonata_context("`my-node` + 1", NAMES) == {"my-node": 2}
    assert set(jsonata_context("$keys($$)", NAMES)) == set(visible(NAMES))
    assert script_context("y => y + v", NAMES) == {"v": 1}


def test_forms() -> None:
    assert is_javascript("(a, b) => a - b")
    assert is_javascript("function (a) { return a }")
    assert not is_javascript("$map(items, function($v) { $v })")
    assert without_templates("{{a.b}} > 3 && ${c}") == "(a.b) > 3 && (c)"
