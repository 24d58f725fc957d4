"""``flowray serve`` without Ray: what it prints, and that every way to stop it stops what it started."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flowray.cli.server import fact_lines
from flowray.cli.watchdog import EXIT_RAY_DIED
from flowray.errors import ErrorCode, FlowrayError
from flowray.settings import Settings
from tests.cli.conftest import Command

FACTS = {
    "url": "http://127.0.0.1:8000", "docs": "http://127.0.0.1:8000/openapi.json", "version": "0.1.0",
    "database": "sqlite:////tmp/flowray.db", "durability": "SQLite, synchronous=FULL", "private_targets": "allowed",
    "trusted_code": "refused",
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

    def is_up(self) -> bool:
        return True

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
    outcome = flowray("serve", "--no-watchdog", "--port", "0", "--no-dashboard", "--state-dir", "/tmp/flowray-test")
    assert outcome.code == 0
    assert instance.stopped == 1
    assert outcome.err.splitlines()[-1] == "stopped"
    assert (given[0].port, given[0].dashboard, str(given[0].state_dir)) == (0, False, "/tmp/flowray-test")


def test_a_signal_while_starting_ends_it(flowray: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_args: Any, **_kwargs: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("flowray.cli.server.start_instance", start)
    outcome = flowray("serve", "--no-watchdog")
    assert (outcome.code, outcome.err.splitlines()[-1]) == (0, "stopped while starting")


def test_a_start_that_fails_says_why(flowray: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_args: Any, **_kwargs: Any) -> None:
        raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "could not open the database: no such host")

    monkeypatch.setattr("flowray.cli.server.start_instance", start)
    outcome = flowray("serve", "--no-watchdog", "-o", "json")
    assert (outcome.code, outcome.error["code"]) == (1, "DATABASE_UNAVAILABLE")


def test_the_facts_name_what_an_operator_must_know() -> None:
    text = "\n".join(fact_lines(FACTS))
    for expected in (FACTS["url"], FACTS["database"], FACTS["durability"], "loopback addresses allowed", "8265"):
        assert expected in text
    assert "dashboard" not in "\n".join(fact_lines({**FACTS, "dashboard": None}))


def test_a_dead_ray_ends_the_process_for_the_watchdog(flowray: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be stopped in order by then; and the facts are printed by the first start only."""

    class Dead:
        url = "http://127.0.0.1:1"

        def is_up(self) -> bool:
            return False

        def stop(self, _report: Any) -> None:
            """Only because the exit is a fake."""

    class GoneError(Exception):
        pass

    def leave(code: int) -> None:
        assert code == EXIT_RAY_DIED
        raise GoneError

    monkeypatch.setattr("flowray.cli.server.start_instance", lambda *_, **__: Dead())
    monkeypatch.setattr("flowray.cli.server.LOOK_S", 0.001)
    monkeypatch.setattr("flowray.cli.server.os._exit", leave)
    reading, writing = os.pipe()
    with pytest.raises(GoneError):
        flowray("serve", "--no-watchdog", "--restarted", "--up-fd", writing)
    assert os.read(reading, 10) == b"1"
    os.close(reading)
