"""The policies of the context."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.compiler.context_policy import keep_last
from tests.compiler.workflows import compile_text, one, plan_of


@pytest.mark.parametrize(("policy", "number"), [("keepLast(10)", 10), ("keepLast( 0 )", 0), ("byReaders", None)])
def test_a_policy_reaches_the_plan(policy: str, number: int | None) -> None:
    settings: dict[str, Any] = {"context": {"policy": policy}}
    assert keep_last(policy) == number
    assert plan_of("a:input", "", settings=settings).settings.keep_last == number


@pytest.mark.parametrize("policy", ["keepFirst(1)", "keepLast(x)", ""])
def test_a_policy_that_does_not_exist_is_an_error(policy: str) -> None:
    settings: dict[str, Any] = {"context": {"policy": policy}}
    assert one(compile_text("a:input", "", settings=settings), "INVALID_FIELD").pointer == "/settings/context/policy"
