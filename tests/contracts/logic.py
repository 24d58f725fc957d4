"""The contracts of node types that compute and ask nobody: what they are against is the engine's own evaluation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from flowray.engine.signals import NodeError
from flowray.errors import ErrorCode
from tests.contracts.contract import Case, Contract, World
from tests.fakes.services import fake_services

GIVEN: dict[str, Any] = {
    "inputs": {"n": 7, "name": "Ann", "items": [3, 1, 2], "person": {"name": "Bo", "age": 40}},
    "variables": {"count": 1},
}


def _gives(expected: Any) -> Callable[[Any], None]:
    def check(output: Any) -> None:
        assert output == expected

    return check


def _has(**expected: Any) -> Callable[[Any], None]:
    def check(output: Any) -> None:
        assert {key: output[key] for key in expected} == expected

    return check


def _fails(code: ErrorCode) -> Callable[[NodeError], None]:
    def check(error: NodeError) -> None:
        assert error.code == code

    return check


def _case(config: dict[str, Any], expected: Any, **task: Any) -> Case:
    """``expected``: the output, a check of it, or the code of the error."""
    given = {**GIVEN, **task}
    if isinstance(expected, ErrorCode):
        return Case(str(config), config, _fails(expected), fails=True, task=given)
    return Case(str(config), config, expected if callable(expected) else _gives(expected), task=given)


@asynccontextmanager
async def _world(cases: Sequence[Case]) -> AsyncIterator[World]:
    yield World(fake_services(), cases)


def _contract(node_type: str, *cases: Case) -> Contract:
    return Contract(node_type, "its own evaluation", partial(_world, cases))


WRONG, NO_LIST = ErrorCode.INVALID_NODE_CONFIG, ErrorCode.COLLECTION_INVALID

CONTRACTS = [
    _contract(
        "conditional",
        _case({"condition": "n > 5"}, _has(conditionMet=True, branch="true")),
        _case({"condition": "n > 8"}, _has(conditionMet=False, branch="false")),
        _case({"leftValue": "{{name}}", "operator": "==", "rightValue": "ann"}, _has(conditionMet=True)),
        _case({"condition": ""}, WRONG),
    ),
    _contract(
        "switch",
        _case({"expression": "{{name}}", "cases": [{"value": "ann"}, {"value": "b*"}]}, _has(matchedValue="ann")),
        _case({"expression": "{{person.name}}", "cases": [{"value": "ann"}, {"value": "b*"}]}, _has(matchedValue="b*")),
        _case({"expression": "{{n}}"}, WRONG),
    ),
    _contract(
        "loop",
        _case({"arrayPath": "items"}, {"items": [3, 1, 2]}, sentinel="open"),
        _case({"loopType": "count", "count": 4}, {"total": 4}, sentinel="open"),
        _case({"arrayPath": "name"}, NO_LIST, sentinel="open"),
    ),
    _contract(
        "parallel",
        _case({"collection": "{{items}}"}, {"items": [3, 1, 2]}, sentinel="open"),
        _case({"count": 2}, _has(total=2), sentinel="open"),
        _case({"collection": "{{n}}"}, NO_LIST, sentinel="open"),
    ),
    _contract(
        "wait",
        _case({"duration": 0}, _has(skipped=True)),
        _case({"waitType": "until", "timestamp": "2001-01-01T00:00:00Z"}, _has(waitType="until", skipped=True)),
        _case({"waitType": "until", "timestamp": "nonsense"}, WRONG),
    ),
    _contract(
        "variable",
        _case({"operation": "set", "variableName": "x", "value": "{{n}}"}, 7),
        _case({"operation": "set", "variableName": "x", "value": "Dear {{name}}"}, "Dear Ann"),
        _case({"operation": "set"}, WRONG),
    ),
    _contract(
        "aggregate",
        _case({"inputArray": "{{items}}", "operation": "max"}, 3),
        _case({"inputArray": "{{items}}", "operation": "sum"}, 6),
        _case({"inputArray": "{{name}}", "operation": "sum"}, NO_LIST),
    ),
    _contract(
        "output",
        _case({"outputName": "o", "value": "{{n}}"}, {"o": 7}),
        _case({"outputName": "o", "value": "{{person}}", "format": "json"}, {"o": {"name": "Bo", "age": 40}}),
        _case({"outputName": "o", "value": "x", "format": "number"}, ErrorCode.NODE_FAILED),
    ),
    _contract(
        "response",
        _case({"status": 201, "data": {"n": "{{n}}"}}, _has(status=201, data={"n": 7})),
        _case({"data": "{{items}}"}, _has(status=200, data=[3, 1, 2])),
        _case({"status": 99}, WRONG),
    ),
    _contract(
        "input",
        _case({"inputName": "n"}, {"n": 7}),
        _case({"inputName": "name"}, {"name": "Ann"}),
        _case({"inputName": "n", "inputType": 5}, WRONG),
    ),
]
