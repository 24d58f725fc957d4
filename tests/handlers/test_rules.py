"""Rules that choose routes."""

from __future__ import annotations

from flowray.expressions.names import Names
from flowray.handlers.rules import NamedCondition, holding_rules
from tests.fakes.services import node_input

RULES = [
    NamedCondition(name="a", expression="x > 1"),
    NamedCondition(name="b", expression="x > 2"),
    NamedCondition(name="c", expression="x > 9"),
]


async def test_the_first_or_all_that_hold() -> None:
    node = node_input({}, names=Names(inputs={"x": 3}))
    assert await holding_rules(node, RULES, "first") == ["a"]
    assert await holding_rules(node, RULES, "all") == ["a", "b"]
