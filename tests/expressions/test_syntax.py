"""Walking trees."""

from __future__ import annotations

from flowray.expressions.parser import parse_expression
from flowray.expressions.syntax import Literal, Path, children, descendants


def test_children_are_in_the_order_of_the_text() -> None:
    tree = parse_expression("a ? b : c")
    assert [child.root for child in children(tree) if isinstance(child, Path)] == ["a", "b", "c"]
    assert list(children(Literal(1))) == []


def test_descendants_reach_every_kind_of_tree() -> None:
    text = "a.f[b].slice(c) == -d && Object.keys(e).length > 0 || '{{f}}' ? l.map(x => x + g) : (h | default: i) + j-k"
    roots = {node.root for node in descendants(parse_expression(text)) if isinstance(node, Path)}
    assert roots == {"a", "b", "c", "d", "e", "f", "l", "x", "g", "h", "i", "j", "k", "j-k"}
