"""The contract of ``transform``: JSONata and JavaScript in the real sandbox process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from flowray.engine.signals import NodeError
from flowray.errors import ErrorCode
from flowray.runtime.sandbox.process_sandbox import ProcessSandbox
from tests.contracts.contract import Case, Contract, World
from tests.fakes.services import fake_services

ITEMS = [{"n": 3, "name": "c"}, {"n": 1, "name": "a"}, {"n": 2, "name": "b"}]


def _gives(expected: Any) -> Any:
    def check(output: Any) -> None:
        assert output == expected

    return check


def _is_expression_error(error: NodeError) -> None:
    assert error.code == ErrorCode.EXPRESSION_ERROR


@asynccontextmanager
async def _world() -> AsyncIterator[World]:
    sandbox = ProcessSandbox()
    given = {"inputs": {"items": ITEMS}}

    def case(name: str, operation: str, expression: str, expected: Any) -> Case:
        config = {"operation": operation, "inputData": "items", "expression": expression, "outputVariable": "out"}
        return Case(name, config, _gives(expected), task=given)

    yield World(
        fake_services(sandbox=sandbox, close=sandbox.aclose),
        [
            case("JSONata", "custom", "$sum($data.n)", 6),
            case("an arrow function", "map", "item => item.n * 2", [6, 2, 4]),
            case("a filter", "filter", "item => item.n > 1", [ITEMS[0], ITEMS[2]]),
            Case(
                "a wrong expression",
                {"operation": "custom", "inputData": "items", "expression": "$sum(", "outputVariable": "out"},
                _is_expression_error,
                fails=True,
                task=given,
            ),
        ],
    )


CONTRACTS = [Contract("transform", "the sandbox process: JSONata and QuickJS", _world)]
