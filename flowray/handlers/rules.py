"""Named conditions: which routes hold, in order. Shared by the branch nodes that choose by rules; chooses no edge."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from flowray.expressions.conversions import truthy
from flowray.handlers.handler import NodeInput
from flowray.handlers.node_config import NodeConfig
from flowray.handlers.references import evaluate_condition


class NamedCondition(NodeConfig):
    """One rule: the handle ``name`` is taken if ``expression`` holds."""

    name: str = Field(min_length=1)
    expression: str = Field(min_length=1)


async def holding_rules(node: NodeInput, rules: Sequence[NamedCondition], mode: str) -> list[str]:
    """Names of the rules that hold: the first one, or with ``mode`` "all" every one. Raises as a condition does."""
    names: list[str] = []
    for rule in rules:
        if truthy(await evaluate_condition(rule.expression, node)):
            names.append(rule.name)
            if mode != "all":
                break
    return names
