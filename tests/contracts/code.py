"""The contract of ``code``: JavaScript in the real sandbox process, Python in Monty's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from flowray.engine.signals import NodeError
from flowray.errors import ErrorCode
from flowray.runtime.sandbox.process_sandbox import ProcessSandbox, SandboxOptions
from tests.contracts.contract import Case, Contract, World
from tests.fakes.services import fake_services

GIVEN = {"inputs": {"items": [{"n": 3}, {"n": 4}]}}


def _gives(value: Any, stdout: str = "") -> Callable[[Any], None]:
    def check(output: Any) -> None:
        assert (output["output"], output["stdout"]) == (value, stdout)

    return check


def _fails(code: ErrorCode, line: int | None = None) -> Callable[[NodeError], None]:
    def check(error: NodeError) -> None:
        assert (error.code, error.details.get("line")) == (code, line)

    return check


@asynccontextmanager
async def _world() -> AsyncIterator[World]:
    sandbox = ProcessSandbox(SandboxOptions(workers=1))

    def case(name: str, language: str, code: str, check: Callable[[Any], None], **more: Any) -> Case:
        fails = more.pop("fails", False)
        return Case(name, {"language": language, "code": code, **more}, check, fails=fails, task=GIVEN)

    yield World(
        fake_services(sandbox=sandbox, close=sandbox.aclose),
        [
            case("a return", "javascript", "return inputs.items.map(i => i.n)", _gives([3, 4])),
            case("a result", "javascript", "console.log('hi'); result = items.length", _gives(2, "hi\n")),
            case("a promise", "javascript", "return await Promise.resolve(items[1].n)", _gives(4)),
            case("Python", "python", "print('ho')\nreturn sum(i['n'] for i in inputs['items'])", _gives(7, "ho\n")),
            case("a throw", "javascript", "\nnull.x", _fails(ErrorCode.EXPRESSION_ERROR, 2), fails=True),
            case("an exception", "python", "1 / 0", _fails(ErrorCode.EXPRESSION_ERROR, 1), fails=True),
            case(
                "no end", "javascript", "for (;;) {}", _fails(ErrorCode.EXPRESSION_TIMEOUT), fails=True, timeoutMs=200
            ),
            case("a shell", "shell", "id", _fails(ErrorCode.FORBIDDEN), fails=True),
        ],
    )


CONTRACTS = [Contract("code", "sandbox processes: QuickJS and Monty", _world)]
