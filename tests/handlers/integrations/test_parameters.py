"""Parameters that are made to fit the schema of their operation, and those that do not."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.integrations.parameters import fitted
from flowray.handlers.operations import Operation

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "to": {"type": "string"},
        "limit": {"type": "integer", "minimum": 1},
        "ratio": {"type": "number"},
        "draft": {"type": "boolean"},
        "labels": {"type": "array", "items": {"type": "string"}},
        "fields": {"type": "object"},
    },
    "required": ["to"],
    "additionalProperties": False,
}
SEND = Operation("send", parameters=SCHEMA)


def fit(*, inline: tuple[str, ...] = (), **given: Any) -> dict[str, Any]:
    return fitted(SEND, given, inline)


def test_text_of_templates_becomes_what_the_schema_asks_for() -> None:
    assert fit(to="a", limit="5", ratio="0.5", draft="true", labels='["x"]', fields='{"a": 1}') == {
        "to": "a", "limit": 5, "ratio": 0.5, "draft": True, "labels": ["x"], "fields": {"a": 1},
    }  # fmt: skip
    assert fit(to=7) == {"to": "7"}


@pytest.mark.parametrize(
    ("given", "expected"), [("a, b", ["a", "b"]), ("a", ["a"]), (["a"], ["a"]), ('"a"', ["a"])], ids=str
)
def test_a_list_may_be_written_as_one_or_with_commas(given: Any, expected: list[str]) -> None:
    assert fit(to="x", labels=given)["labels"] == expected


def test_null_is_the_same_as_not_given_unless_it_is_required() -> None:
    assert fit(to="a", limit=None) == {"to": "a"}
    with pytest.raises(FlowrayError, match="/parameters/to: None is not of type 'string'"):
        fit(to=None)


def test_fields_beside_the_operation_that_it_does_not_know_are_left_out() -> None:
    assert fit(to="a", description="what this node does", inline=("description",)) == {"to": "a"}


def test_every_problem_is_listed_with_its_place() -> None:
    with pytest.raises(FlowrayError) as caught:
        fit(limit="0", labels=[1], wrong=1)
    error = caught.value
    assert error.code == ErrorCode.INVALID_NODE_CONFIG
    assert sorted(problem["pointer"] for problem in error.details["errors"]) == [
        "/parameters", "/parameters", "/parameters/labels/0", "/parameters/limit",
    ]  # fmt: skip
    assert error.hint == "the operation's parameters are: to, limit, ratio, draft, labels, fields"


def test_parameters_that_nobody_has_described_pass_as_they_are() -> None:
    assert fitted(Operation("any"), {"a": "1", "b": [1]}, ()) == {"a": "1", "b": [1]}
