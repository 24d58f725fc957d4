"""The switch node: which case fits, and the names that an edge of it may have (scenarios 39 to 43)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.compiler.handles import resolve_handle
from flowray.handlers.logic.switch import SwitchHandler, matches
from tests.handlers.running import fail, succeed


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("PENDING", "pending", True), ("100", "100.0", True), ("1e2", "100", True), ("100", "1000", False),
        ("error_*", "error_not_found", True), ("user_?", "user_a", True), ("user_?", "user_abc", False),
        ("price: $*", "price: $100.00", True), ("a.c", "abc", False), ("*", "", True), ("?", "", False),
        ("*_b_*_d", "a_b_c_d", True), ("*_b_*_d", "a_b_c_d_e", False), ("WARN-???", "warn-123", True),
        ("", "", True), ("[x]", "x", False),
    ],
)  # fmt: skip
def test_scenario_40_what_fits(pattern: str, value: str, fits: bool) -> None:
    assert matches(pattern, value) is fits


def test_a_hostile_pattern_ends_at_once() -> None:
    assert matches("*a" * 40 + "b", "a" * 5_000) is False


CASES = {"expression": "{{status}}", "cases": [{"value": "A"}, {"value": "B", "label": "Second"}, {"value": "C"}]}


@pytest.mark.parametrize(("value", "matched"), [("A", "A"), ("b", "B"), ("X", None), ("", None), (None, None)])
async def test_scenario_39_the_matching_case_or_the_default(value: Any, matched: str | None) -> None:
    result = await succeed("switch", CASES, inputs={"status": value})
    assert result.output["matchedCase"] == matched
    assert result.signals.selected_routes is not None
    assert result.signals.selected_routes[0] == (matched or "default")


async def test_the_first_match_wins_and_says_what_was_compared() -> None:
    config = {"expression": "{{n}}", "cases": [{"value": "1?"}, {"value": 12}], "defaultCase": "other"}
    result = await succeed("switch", config, inputs={"n": 12})
    assert result.output == {"matchedCase": "1?", "matchedValue": "1?", "evaluatedExpression": "12"}


async def test_scenario_41_a_case_may_be_a_template() -> None:
    config = {"expression": "vip", "cases": [{"value": "{{config.special}}"}]}
    result = await succeed("switch", config, inputs={"config": {"special": "VIP"}})
    assert result.output["matchedCase"] == "{{config.special}}"
    assert result.output["matchedValue"] == "VIP"
    assert result.signals.selected_routes is not None
    assert {"{{config.special}}", "VIP"} <= set(result.signals.selected_routes)


async def test_cases_with_conditions_need_no_expression() -> None:
    cases = [{"value": "48h", "condition": "hours === 48"}, {"value": "24h", "condition": "hours === 24"}]
    result = await succeed("switch", {"cases": cases}, inputs={"hours": 24})
    assert result.output == {"matchedCase": "24h", "matchedValue": "24h", "evaluatedExpression": None}
    assert (await succeed("switch", {"cases": cases}, inputs={"hours": 1})).output["matchedCase"] is None


async def test_a_variable_is_compared_by_its_name() -> None:
    config = {"switchVariable": "order.state", "cases": ["open", "closed"]}
    result = await succeed("switch", config, inputs={"order": {"state": "closed"}})
    assert result.output["matchedCase"] == "closed"


@pytest.mark.parametrize("label", ["B", "case-B", "case-b", "case-1", "case_1", "Second", "second", "output-b"])
async def test_every_spelling_of_an_edge_is_selected(label: str) -> None:
    handle, problem = resolve_handle(label, SwitchHandler.node_type, CASES)
    assert (handle, problem) == ("B", None)
    selected = (await succeed("switch", CASES, inputs={"status": "B"})).signals.selected_routes
    assert selected == ("B", "case-B", "case-1", "case_1", "Second")


async def test_a_spelling_that_is_another_case_belongs_to_that_case() -> None:
    config = {"expression": "a", "cases": [{"value": "a", "label": "b"}, {"value": "b"}, {"value": "case-0"}]}
    assert (await succeed("switch", config)).signals.selected_routes == ("a", "case-a", "case_0")


@pytest.mark.parametrize(
    ("default", "routes"),
    [
        (None, ("default",)),
        ("other", ("other", "case-other", "default")),
        ("B", ("B", "case-B", "case-1", "case_1", "Second", "default")),
    ],
)
async def test_the_default_may_be_a_case(default: str | None, routes: tuple[str, ...]) -> None:
    result = await succeed("switch", {**CASES, "defaultCase": default}, inputs={"status": "?"})
    assert result.signals.selected_routes == routes
    assert result.output["matchedCase"] == default


@pytest.mark.parametrize("config", [{"expression": "", "cases": [{"value": "x"}]}, {"expression": "x", "cases": []}])
async def test_nothing_to_compare_is_a_wrong_config(config: dict[str, Any]) -> None:
    assert (await fail("switch", config)).code == "INVALID_NODE_CONFIG"


async def test_scenario_44_a_condition_that_throws_fails_the_node() -> None:
    config = {"cases": [{"value": "x", "condition": "(() => { throw new Error('no') })()"}]}
    assert (await fail("switch", config)).code == "EXPRESSION_ERROR"
