"""Which recorded case answers which parameters."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.integrations.sandbox.fixtures import Case, ExpectedError, FilterableData, RecordedOperation
from flowray.handlers.integrations.sandbox.matching import chosen


def valid(name: str, **given: Any) -> Case:
    return Case(name=name, input=given, expected_output=name)


def error(name: str, **given: Any) -> Case:
    return Case(name=name, input=given, expected_error=ExpectedError("not_found", name))


SEND = RecordedOperation(
    "send",
    valid_cases=[valid("plain", channel="#a", text="hi"), valid("thread", channel="#a", text="re", thread="1")],
    error_cases=[
        error("no channel", channel="#none"), error("same input", channel="#a", text="hi"), error("always"),
    ],
)  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"channel": "#a", "text": "re", "thread": "1"}, "thread"),
        ({"channel": "#none", "text": "whatever"}, "no channel"),
        ({"channel": "#a", "text": "hi"}, "plain"),
        ({"channel": "#a", "thread": "1"}, "thread"),
        ({"channel": "#else"}, "plain"),
        ({}, "plain"),
    ],
    ids=str,
)
def test_the_case_that_fits_best_answers(given: dict[str, Any], expected: str) -> None:
    case = chosen(SEND, given, "")
    assert case is not None
    assert case.name == expected


def test_a_scenario_is_a_case_by_name_and_wins() -> None:
    case = chosen(SEND, {"channel": "#a", "text": "hi"}, "always")
    assert case is not None
    assert case.expected_error == ExpectedError("not_found", "always")


def test_an_unknown_scenario_lists_those_that_there_are() -> None:
    with pytest.raises(FlowrayError, match="no scenario 'x' for send") as caught:
        chosen(SEND, {}, "x")
    assert caught.value.code == ErrorCode.INVALID_NODE_CONFIG
    assert caught.value.details["scenarios"] == ["plain", "thread", "no channel", "same input", "always"]


def test_records_answer_instead_of_a_recorded_list_but_not_instead_of_an_error() -> None:
    operation = RecordedOperation(
        "list", [valid("all")], [error("bad", view="none")], FilterableData(records=[], records_field="rows")
    )
    assert chosen(operation, {}, "") is None
    assert chosen(operation, {}, "all") is None
    case = chosen(operation, {"view": "none"}, "")
    assert case is not None
    assert case.name == "bad"
