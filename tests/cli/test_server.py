"""``flowray serve`` without Ray: what it prints, and that every way to stop it stops what it started."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flowray.cli.server import fact_lines
from flowray.errors import ErrorCode, FlowrayError
from flowray.settings import Settings
from tests.cli.conftest import Command

FACTS = {
    "url": "http://127.0.0.1:8000", "docs": "http://127.0.0.1:8000/openapi.json", "version": "0.1.0",
    "database": "sqlite:////tmp/flowray.db", "durability": "SQLite, synchronous=FULL", "private_targets": "allowed",
    "dashboard": "http://127.0.0.1:8265", "dashboard_token_command": "ray get-auth-token",
}  # fmt: skip


class FakeInstance:
    """Stops itself by a signal as soon as its facts have been asked for."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.stopped = 0

    def facts(self) -> dict[str, Any]:
        os.kill(os.getpid(), self._number)
        return FACTS

    def stop(self, _report: Any) -> None:
        os.kill(os.getpid(), self._number)  # a second signal while stopping changes nothing
        self.stopped += 1


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_once(flowray: Command, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    instance = FakeInstance(number)
    given: list[Settings] = []

    def start(settings: Settings, _report: Any, on_connected: Callable[[], None]) -> FakeInstance:
        given.append(settings)
        on_connected()
        return instance

    monkeypatch.setattr("flowray.cli.server.start_instance", start)
    outcome = flowray("serve", "--port", "0", "--no-dashboard", "--state-dir", "/tmp/flowray-test")
    assert outcome.code == 0
    assert instance.stopped == 1
    assert outcome.err.splitlines()[-1] == "stopped"
    assert (given[0].port, given[0].dashboard, str(given[0].state_dir)) == (0, False, "/tmp/flowray-test")


def test_a_signal_while_starting_ends_it(flowray: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_args: Any, **_kwargs: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("flowray.cli.server.start_instance", start)
    outcome = flowray("serve")
    assert (outcome.code, outcome.err.splitlines()[-1]) == (0, "stopped while starting")


def test_a_start_that_fails_says_why(flowray: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_args: Any, **_kwargs: Any) -> None:
        raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "could not open the database: no such host")

    monkeypatch.setattr("flowray.cli.server.start_instance", start)
    outcome = flowray("serve", "-o", "json")
    assert (outcome.code, outcome.error["code"]) == (1, "DATABASE_UNAVAILABLE")


def test_the_facts_name_what_an_operator_must_know() -> None:
    text = "\n".join(fact_lines(FACTS))
    for expected in (FACTS["url"], FACTS["database"], FACTS["durability"], "loopback addresses allowed", "8265"):
        assert expected in text
    assert "dashboard" not in "\n".join(fact_lines({**FACTS, "dashboard": None}))
