"""The contracts of ``evaluator`` and ``guardrails``: a model over HTTP, and the real sandbox for patterns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from flowray.bootstrap_services import build_services
from flowray.errors import ErrorCode
from flowray.handlers.providers.fake_openai import create_fake_openai
from flowray.settings import Settings
from tests.contracts.contract import Case, Contract, World
from tests.fakes.loopback import loopback_server
from tests.fakes.services import MemoryPayloads

SLOW = r"^(a+)+$"
"""Takes for ever on many an ``a`` with something else behind."""


@asynccontextmanager
async def _world(cases: list[Case]) -> AsyncIterator[World]:
    fake = create_fake_openai()
    fake.state.fake.script({"A good text": {"clarity": 9, "reasoning": "clear"}, "A bad text": {"clarity": 1}})
    fake.state.fake.script({"Rome is in Italy": {"score": 9}, "Rome is in Spain": {"score": 1, "reasoning": "no"}})
    with loopback_server(fake) as url:
        settings = Settings(llm_base_url=f"{url}/v1", llm_default_model="fake-model")
        yield World(build_services(settings, MemoryPayloads()), cases)


def _is(**expected: Any) -> Any:
    def check(output: Any) -> None:
        assert {name: output[name] for name in expected} == expected

    return check


def _code(code: ErrorCode) -> Any:
    def check(error: Any) -> None:
        assert error.code == code

    return check


def _evaluates() -> Any:
    metrics = [{"name": "Clarity", "range": {"min": 0, "max": 10}}]
    return _world([
        Case("good", {"content": "A good text", "metrics": metrics}, _is(clarity=9.0, reasoning="clear")),
        Case("bad", {"content": "A bad text", "metrics": metrics}, _is(clarity=1.0, reasoning="")),
        Case("no key", {"content": "x", "metrics": metrics, "model": "fake-401"}, _code(ErrorCode.PROVIDER_AUTH), True),
    ])  # fmt: skip


def _guards() -> Any:
    grounded = {"type": "judge", "context": "Rome is the capital of Italy."}
    slow = {"input": "a" * 40 + "!", "checks": [{"type": "regex", "pattern": SLOW}]}
    return _world([
        Case("supported", {"input": "Rome is in Italy", "checks": [grounded]}, _is(passed=True, score=9.0)),
        Case("unsupported", {"input": "Rome is in Spain", "checks": [grounded]}, _is(passed=False, score=1.0)),
        Case("a pattern", {"input": "AB-1", "checks": [{"type": "regex", "pattern": "^[A-Z]+-1$"}]}, _is(passed=True)),
        Case("masked", {"input": "ann@example.com", "checks": [{"type": "pii", "mode": "mask"}]},
             _is(text="<EMAIL_ADDRESS>", passed=True)),
        Case("a pattern that never ends", slow, _code(ErrorCode.EXPRESSION_TIMEOUT), fails=True),
    ])  # fmt: skip


CONTRACTS = [
    Contract("evaluator", "the fake OpenAI server", _evaluates),
    Contract("guardrails", "the fake OpenAI server; the JavaScript sandbox", _guards),
]
