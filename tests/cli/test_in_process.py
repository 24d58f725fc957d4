"""Running in the command's own process: results, refusals, and what happens on Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flowray.cli.in_process import IN_FLIGHT, check_workflow, run_many, run_to_end
from flowray.compiler.documents import compile_document
from flowray.errors import FlowrayError, InputError
from flowray.sdk.session import LocalSession
from flowray.settings import Settings
from tests.cli.conftest import FAILING, GREET, WAITING


@pytest.fixture
def session() -> Iterator[LocalSession]:
    with LocalSession(Settings()) as opened:
        yield opened


def nothing(_event: dict[str, Any]) -> None:
    """Shows nothing."""


def test_events_come_in_order_and_end_with_the_execution(session: LocalSession) -> None:
    seen: list[dict[str, Any]] = []
    execution = run_to_end(session, compile_document(FAILING, session.node_types), {}, seen.append)
    assert execution["status"] == "failed"
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1]["type"] == "execution.failed"


def test_outputs_beyond_the_inline_limit_are_whole(session: LocalSession) -> None:
    compiled = compile_document(GREET, session.node_types)
    execution = run_to_end(session, compiled, {"name": "x" * 100_000}, nothing)
    assert len(execution["outputs"]["greeting"]) == 100_003


def test_wrong_inputs_start_nothing(session: LocalSession) -> None:
    with pytest.raises(InputError):
        run_to_end(session, compile_document(GREET, session.node_types), {}, nothing)


def test_an_interrupt_cancels_the_execution(session: LocalSession) -> None:
    seen: list[dict[str, Any]] = []

    def show(event: dict[str, Any]) -> None:
        seen.append(event)
        if event["type"] == "node.waiting":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_to_end(session, compile_document(WAITING, session.node_types), {}, show)
    assert (seen[-1]["type"], seen[-1]["reason"]) == ("execution.cancelled", "Interrupted")


def test_many_run_at_once_and_come_in_order_also_those_that_do_not_fit(session: LocalSession) -> None:
    rows: list[dict[str, Any]] = [{"name": str(number)} for number in range(2 * IN_FLIGHT)]
    rows[3] = {}
    outcomes = list(run_many(session, compile_document(GREET, session.node_types), rows))
    assert isinstance(outcomes[3], FlowrayError)
    greetings = [None if isinstance(item, FlowrayError) else item["outputs"]["greeting"] for item in outcomes]
    assert greetings == [None if number == 3 else f"hi {number}" for number in range(2 * IN_FLIGHT)]


def test_findings_of_all_stages(session: LocalSession) -> None:
    assert [item.code.value for item in check_workflow(FAILING, session.node_types)] == ["UNKNOWN_NODE_TYPE"]
    assert check_workflow([], session.node_types)[0].severity.value == "error"
