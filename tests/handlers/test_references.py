"""Paths and conditions as node types read them."""

from __future__ import annotations

import pytest

from flowray.definition.node_type import FieldKind
from flowray.errors import FlowrayError
from flowray.expressions.names import MISSING, Names
from flowray.expressions.template import DEFAULT_OPTIONS, TemplateWarning
from flowray.handlers.references import evaluate_condition, fill_config, value_of
from tests.fakes.services import node_input

NAMES = Names(outputs={"trigger-1": {"data": {"rows": [1, 2]}}}, inputs={"two words": 5})


@pytest.mark.parametrize("path", ["trigger-1.data.rows[1]", "{{trigger-1.data.rows[1]}}", " ${trigger-1.data.rows.1} "])
def test_paths_in_every_spelling(path: str) -> None:
    assert value_of(path, NAMES) == 2


def test_paths_that_lead_nowhere() -> None:
    assert value_of("gone.x", NAMES) is MISSING
    assert value_of("two words", NAMES) == 5
    assert value_of("((", NAMES) is MISSING


def test_path_fields() -> None:
    warnings: list[TemplateWarning] = []
    kinds = dict.fromkeys(("a", "b", "c", "d", "e"), FieldKind.PATH)
    config = {"a": "gone", "b": "[1]", "c": ["{{trigger-1.data.rows}}"], "d": "x {{trigger-1.data.rows[0]}}", "e": None}
    filled = fill_config(config, kinds, NAMES, DEFAULT_OPTIONS, warnings)
    assert filled == {"a": None, "b": "[1]", "c": [[1, 2]], "d": "x 1", "e": None}
    assert [(warning.pointer, warning.placeholder) for warning in warnings] == [("/a", "gone")]


async def test_conditions_fall_back_to_javascript() -> None:
    node = node_input({}, names=Names(inputs={"xs": [1, 2, 3]}))
    assert await evaluate_condition("xs.length > 2", node) is True
    assert await evaluate_condition("(function(){ let n = 0; for (const x of xs) n += x; return n })()", node) == 6
    with pytest.raises(FlowrayError, match="EXPRESSION_ERROR"):
        await evaluate_condition("(() => { gone.x })()", node)
