"""Lists of operations, as the older patterns of FlowMaestro write them."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.logic.transform.steps import run_steps
from flowray.values import Json
from tests.handlers.running import output

NAMES: dict[str, Any] = {"orderId": "o1", "items": [], "totalAmount": "12.5", "validCount": 3}


def steps(base: Json, *given: Any) -> dict[str, Json]:
    return run_steps(base, given, NAMES.get)


def test_set_and_delete() -> None:
    found = steps({"a": 1}, {"type": "set", "path": "b.c", "value": 2}, {"type": "delete", "path": "a"})
    assert found == {"b": {"c": 2}}


def test_normalize_and_deduplicate_follow_each_other() -> None:
    records = [{"id": 1, "email": " A@B.org ", "phone": "+49 (30) 12-3"}, {"id": 1, "email": "x"}, 7]
    found = steps(
        records,
        {"type": "normalize", "fields": ["email", "phone", "date"], "output": "normal"},
        {"type": "deduplicate", "key": "id", "output": "unique"},
    )
    first = {"id": 1, "email": "a@b.org", "phone": "+4930123"}
    assert found == {"normal": [first, {"id": 1, "email": "x"}, 7], "unique": [first, 7]}


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ({"field": "orderId", "required": True}, []), ({"field": "gone", "required": True}, ["required"]),
        ({"field": "gone", "required": False}, []), ({"field": "items", "minLength": 1}, ["minLength"]),
        ({"field": "items", "maxLength": 1}, []), ({"field": "totalAmount", "min": 0.01, "max": 12}, ["max"]),
        ({"field": "orderId", "min": 1}, ["min"]), ({"field": "own", "required": True}, []),
    ],
)  # fmt: skip
def test_validate(rule: dict[str, Any], wrong: list[str]) -> None:
    found: Any = steps({"own": 1}, {"type": "validate", "rules": [rule], "output": "result"})["result"]
    assert (found["valid"], [error["rule"] for error in found["errors"]]) == (not wrong, wrong)


def test_aggregate_collects_what_it_names() -> None:
    found = steps(None, {"type": "aggregate", "metrics": ["validCount", "gone"], "output": "summary"})
    assert found == {"summary": {"validCount": 3, "gone": None}}


@pytest.mark.parametrize("step", [{"type": "explode"}, "set", 5])
def test_unknown_steps(step: Any) -> None:
    with pytest.raises(FlowrayError, match="unknown transform operation"):
        steps({}, step)


async def test_the_node_reads_names_of_the_workflow() -> None:
    rules = [{"field": "orderId", "required": True}, {"field": "items", "minLength": 1}]
    config = {"operations": [{"type": "validate", "rules": rules, "output": "checked"}]}
    found = await output("transform", config, inputs={"orderId": "o1", "items": []})
    assert found["checked"]["errors"] == [{"field": "items", "rule": "minLength", "message": "items: minLength 1"}]
