"""Scenarios C31 to C47: conditional, switch and router, and what their branches do to the rest."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from flowray.expressions.conditions import evaluate_operator
from tests.handlers.running import output as output_of
from tests.scenarios.playing import STEP, Played, condition, fails, model, output, play, source, template

OPERANDS: list[tuple[str, str, str, bool]] = [
    ("10", "==", "10", True), ("Hello", "==", "HELLO", True), ("20", ">", "10", True), ("10", ">", "10", False),
    ("banana", ">", "apple", True), ("1e6", "==", "1000000", True), ("  hello  ", "==", "hello", False),
    ("null", "==", "undefined", True), ("null", "==", "test", False), ("", "==", "", True),
    ('{"a":1}', "==", '{"a": 1}', True), ("Hello World", "contains", "WORLD", True), ("abc", "contains", "z", False),
    ("Hello", "startsWith", "he", True), ("Hello", "endsWith", "LO", True), ("Hello", "startsWith", "lo", False),
    ("10", "!=", "11", True), ("5", ">=", "5", True), ("4", ">=", "5", False), ("4", "<", "5", True),
    ("5", "<=", "4", False), ("true", "==", "TRUE", True), ("true", "==", "false", False), ("0", "==", "false", True),
    ("10.50", "==", "10.5", True), ("-3", "<", "2", True), ("abc", "<", "abd", True), ("9", "<", "10", True),
    ("apple", "!=", "Apple", False), ("[1,2]", "==", "[1, 2]", True), ("", "!=", "x", True), ("2", "!=", "2.0", False),
]  # fmt: skip


@pytest.mark.parametrize(("left", "operator", "right", "met"), OPERANDS)
async def test_c31_operators_of_the_conditional(left: str, operator: str, right: str, met: bool) -> None:
    """Numbers as numbers, text without case, JSON by value, null only like null."""
    found = await output_of("conditional", {"leftValue": left, "operator": operator, "rightValue": right})
    assert found["conditionMet"] is met


async def test_c31_a_list_contains_its_members() -> None:
    """Membership in a list that a reference gives; theirs joins it to text first."""
    config = {"leftValue": "{{data.items}}", "operator": "contains", "rightValue": "banana"}
    for items, met in ((["apple", "banana"], True), (["apple", "ban", "ana"], False)):
        found = await output_of("conditional", config, outputs={"data": {"items": items}})
        assert found["conditionMet"] is met


@pytest.mark.parametrize(
    ("left", "operator", "right", "met"),
    [
        (10, "==", "10", True), (10, "===", "10", False), (True, "==", 1, True), (None, "==", None, True),
        ("10", ">", 5, True), ("order-7", "matches", r"^order-\d+$", True), (None, "isEmpty", None, True),
        ("", "isEmpty", None, True), ([], "isEmpty", None, True), ("x", "isEmpty", None, False),
        (1, "resembles", 1, False),
    ],
)  # fmt: skip
def test_c32_operators_of_the_engine(left: Any, operator: str, right: Any, met: bool) -> None:
    """The engine's own conditions follow JavaScript; an operator that nobody knows is never met."""
    assert evaluate_operator(left, operator, right) is met


def _scores() -> tuple[dict[str, Any], tuple[str, ...]]:
    nodes = {
        "in": source("score", inputType="number"), "cond": condition("score >= 80"),
        "A": template("high"), "B": template("low"), "B2": STEP, "B3": STEP,
        "out": output("{{A}}|{{cond.branch}}"),
    }  # fmt: skip
    return nodes, ("in -> cond", "cond true-> A", "cond false-> B", "B -> B2", "B2 -> B3", "B3 -> out", "A -> out")


async def test_c33_the_true_branch_runs_and_the_join_follows() -> None:
    """score 85: in, cond, A, out, in this order; B is skipped."""
    nodes, edges = _scores()
    done = await play(nodes, *edges, inputs={"score": 85})
    assert done.ended("completed") == ["in", "cond", "A", "out"]
    assert "B" in done.ended("skipped")


async def test_c34_skipping_goes_down_the_branch_and_stops_at_the_merge() -> None:
    """B, B2 and B3 are all skipped; the merge behind them runs."""
    nodes, edges = _scores()
    done = await play(nodes, *edges, inputs={"score": 85})
    assert done.ended("skipped") == ["B", "B2", "B3"]
    assert done.attempts["out#1"] == "completed"
    other = await play(nodes, *edges, inputs={"score": 10})
    assert other.ended("skipped") == ["A"]
    assert other.ended("completed") == ["in", "cond", "B", "B2", "B3", "out"]


@pytest.mark.parametrize(("flag", "ran"), [(True, ["in", "cond", "A", "out"]), (False, ["in", "cond", "out"])])
async def test_c35_a_branch_straight_into_the_merge(flag: bool, ran: list[str]) -> None:
    """cond -true→ A → out and cond -false→ out: the merge runs either way (theirs skips it)."""
    nodes = {"in": source("flag"), "cond": condition("flag"), "A": STEP, "out": output("there")}
    edges = ("in -> cond", "cond true-> A", "A -> out", "cond false-> out")
    done = await play(nodes, *edges, inputs={"flag": flag})
    assert (done.ended("completed"), done.outputs) == (ran, {"result": "there"})


async def test_c36_a_condition_tells_what_it_compared() -> None:
    """conditionMet, branch, leftValue, rightValue, operator; a later node reads {{cond.branch}}."""
    nodes = {
        "in": source("n", inputType="number"),
        "cond": {"type": "conditional", "config": {"leftValue": "{{n}}", "operator": ">", "rightValue": "3"}},
        "out": output("{{cond.branch}}"),
    }
    done = await play(nodes, "in -> cond", "cond true-> out", inputs={"n": 7})
    assert done.output_of("cond") == {
        "conditionMet": True, "branch": "true", "leftValue": 7, "rightValue": 3, "operator": ">",
    }  # fmt: skip
    assert done.outputs == {"result": "true"}


async def test_c37_a_missing_variable_is_empty_and_no_error() -> None:
    """Either side: nothing there compares like the empty text."""
    for left, right in (("{{nowhere}}", ""), ("", "{{nowhere.at.all}}")):
        found = await output_of("conditional", {"leftValue": left, "operator": "==", "rightValue": right})
        assert found["conditionMet"] is True


@pytest.mark.parametrize(("left", "operator", "right", "met"), OPERANDS)
async def test_c38_the_node_and_the_engine_agree(left: str, operator: str, right: str, met: bool) -> None:
    """One evaluator decides (R15): the same pair through a whole execution takes the branch that the node says."""
    config = {"leftValue": "{{l}}", "operator": operator, "rightValue": "{{r}}"}
    nodes = {"in": source(), "cond": {"type": "conditional", "config": config}, "yes": STEP, "no": STEP}
    direct = await output_of("conditional", config, inputs={"l": left, "r": right})
    done = await play(
        nodes, "in -> cond", "cond true-> yes", "cond false-> no", inputs={"l": left, "r": right}
    )  # fmt: skip
    assert done.ended("completed")[-1] == ("yes" if direct["conditionMet"] else "no")
    assert done.output_of("cond") == direct


def _switch(**config: Any) -> dict[str, Any]:
    return {"type": "switch", "config": {"expression": "{{x}}", **config}}


@pytest.mark.parametrize(
    ("given", "taken"),
    [("A", "case_a"), ("b", "case_b"), ("C", "case_c"), (None, "other"), ("", "other"), ("?", "other")],
)
async def test_c39_a_switch_takes_one_case(given: Any, taken: str) -> None:
    """Cases A, B, C and default: one runs (theirs runs all); null, "" and the unknown take the default."""
    nodes = {"in": source("x"), "sw": _switch(cases=[{"value": "A"}, {"value": "B"}, {"value": "C"}])}
    nodes |= dict.fromkeys(("case_a", "case_b", "case_c", "other"), STEP) | {"out": output("done")}
    edges = [f"sw {handle}-> {name}" for handle, name in zip("ABC", ("case_a", "case_b", "case_c"), strict=True)]
    edges += ["in -> sw", "sw default-> other", *(f"{name} -> out" for name in ("case_a", "case_b", "case_c", "other"))]
    done = await play(nodes, *edges, inputs={"x": given})
    assert done.ended("completed") == ["in", "sw", taken, "out"]


@pytest.mark.parametrize(
    ("case", "value", "fits"),
    [
        ("pending", "PENDING", True), (100, "100", True), ("error_*", "error_not_found", True),
        ("user_?", "user_a", True), ("user_?", "user_abc", False), ("price: $*", "price: $19.99", True),
    ],
)  # fmt: skip
async def test_c40_cases_are_matched_loosely(case: Any, value: str, fits: bool) -> None:
    """Without case, numbers as numbers, * and ? as wildcards, $ as itself; without a default the case is null."""
    found = await output_of("switch", {"expression": value, "cases": [{"value": case}]})
    assert found["matchedCase"] == (str(case) if fits else None)
    both = await output_of("switch", {"expression": value, "cases": [{"value": case}, {"value": "*"}]})
    assert both["matchedCase"] == (str(case) if fits else "*"), "the first that fits"


async def test_c41_a_case_may_be_a_template() -> None:
    """{{config.specialValue}} is compared by its value; the matched case is what the author wrote."""
    cases = [{"value": "{{config.specialValue}}"}, {"value": "other"}]
    nodes = {"in": source("x"), "config": STEP, "sw": _switch(cases=cases), "special": STEP, "other": STEP}
    edges = ("in -> config", "config -> sw", "sw {{config.specialValue}}-> special", "sw other-> other")
    done = await play(nodes, *edges, acts={"config": {"specialValue": "gold"}}, inputs={"x": "GOLD"})
    assert done.output_of("sw")["matchedCase"] == "{{config.specialValue}}"
    assert (done.ended("completed")[-1], done.ended("skipped")) == ("special", ["other"])


@pytest.mark.parametrize(("given", "chain"), [("high", ["h1", "h2"]), ("medium", ["m1", "m2", "m3"]), ("low", ["l1"])])
async def test_c42_branches_of_different_length(given: str, chain: list[str]) -> None:
    """Only the chosen chain runs, and the output once."""
    chains = {"high": ["h1", "h2"], "medium": ["m1", "m2", "m3"], "low": ["l1"]}
    nodes = {"in": source("x"), "sw": _switch(cases=[{"value": name} for name in chains]), "out": output("end")}
    edges = ["in -> sw"]
    for name, steps in chains.items():
        nodes |= dict.fromkeys(steps, STEP)
        edges += [f"sw {name}-> {steps[0]}", *(f"{a} -> {b}" for a, b in pairwise(steps))]
        edges.append(f"{steps[-1]} -> out")
    done = await play(nodes, *edges, inputs={"x": given})
    assert done.ended("completed") == ["in", "sw", *chain, "out"]


@pytest.mark.parametrize(
    ("outer", "inner", "ran"),
    [("A", "1", ["in", "S", "A", "T", "A1", "out"]), ("A", "2", ["in", "S", "A", "T", "A2", "out"]),
     ("B", "1", ["in", "S", "B", "out"])],
)  # fmt: skip
async def test_c43_a_switch_behind_a_switch(outer: str, inner: str, ran: list[str]) -> None:
    """A → (A1 | A2), B: path B leaves the inner switch out."""
    nodes = {
        "in": source(), "S": {"type": "switch", "config": {"expression": "{{o}}", "cases": ["A", "B"]}},
        "T": {"type": "switch", "config": {"expression": "{{i}}", "cases": ["1", "2"]}},
        **dict.fromkeys(("A", "B", "A1", "A2"), STEP), "out": output("end"),
    }  # fmt: skip
    edges = ("in -> S", "S A-> A", "S B-> B", "A -> T", "T 1-> A1", "T 2-> A2", "A1 -> out", "A2 -> out", "B -> out")
    done = await play(nodes, *edges, inputs={"o": outer, "i": inner})
    assert done.ended("completed") == ran
    assert ("T" in done.ended("skipped")) is (outer == "B")


async def test_c44_a_switch_that_throws_and_a_case_that_throws() -> None:
    """The switch: all cases are skipped. The chosen case: the output has no live feeder. The run fails both times."""
    nodes = {"in": source("x"), "sw": _switch(cases=["a", "b"]), "A": STEP, "B": STEP, "out": output("end")}
    edges = ("in -> sw", "sw a-> A", "sw b-> B", "A -> out", "B -> out")
    broken = {**nodes, "sw": {"type": "switch", "config": {"cases": ["a", "b"]}}}
    done = await play(broken, *edges, inputs={"x": "a"})
    assert (done.row.status, done.error["node_id"]) == ("failed", "sw")
    assert sorted(done.ended("skipped")) == ["A", "B", "out"]
    done = await play(nodes, *edges, inputs={"x": "a"}, acts={"A": fails("case broke")})
    assert (done.row.status, done.error["message"]) == ("failed", "case broke")
    assert sorted(done.ended("skipped")) == ["B", "out"]


ROUTES = ["technical", "general", "creative"]


def _routed(**config: Any) -> tuple[dict[str, Any], list[str]]:
    router = {"type": "router", "config": {"model": "m", "prompt": "{{q}}", "routes": ROUTES, **config}}
    nodes = {
        "in": source("q"),
        "r": router,
        **{name: template(f"by {name}") for name in ROUTES},
        "out": output("{{x}}"),
    }
    nodes["out"] = output("{{technical}}{{general}}{{creative}}")
    edges = ["in -> r", *(f"r {name}-> {name}" for name in ROUTES), *(f"{name} -> out" for name in ROUTES)]
    return nodes, edges


async def _by_model(reply: str, **config: Any) -> Played:
    nodes, edges = _routed(**config)
    return await play(nodes, *edges, inputs={"q": "?"}, services={"chat": model(reply)}, dialect="flowmaestro")


async def test_c45_a_router_takes_one_route() -> None:
    """selectedRoute technical: only that branch runs, the output is its text (theirs runs all)."""
    done = await _by_model('{"selectedRoute": "technical", "confidence": 0.9, "reasoning": "code"}')
    assert done.ended("completed") == ["in", "r", "technical", "out"]
    assert done.output_of("r")["confidence"] == 0.9
    assert done.outputs["result"].startswith("by technical")


@pytest.mark.parametrize(
    ("reply", "config", "route", "confidence"),
    [
        ("I would say technical", {"defaultRoute": "general"}, "general", 0.5),
        ("no idea", {}, "technical", 0.5),
        ('{"selectedRoute": "poetry"}', {"defaultRoute": "creative"}, "creative", 0.5),
        ('Sure! {"selectedRoute": "general"} Done.', {}, "general", 0.8),
    ],
)
async def test_c46_replies_that_are_not_what_was_asked(
    reply: str, config: dict[str, Any], route: str, confidence: float
) -> None:
    """No JSON or an unknown route → the default, else the first, at 0.5; JSON within prose counts, at 0.8 unstated."""
    chat = model(reply)
    nodes, edges = _routed(**config)
    done = await play(nodes, *edges, inputs={"q": "?"}, services={"chat": chat})
    assert (done.output_of("r")["selectedRoute"], done.output_of("r")["confidence"]) == (route, confidence)
    assert route in done.ended("completed")
    assert (chat.asked[0].temperature, chat.asked[0].max_tokens) == (0, 500)


async def test_c47_routes_lead_on_and_a_route_without_an_edge_ends_quietly() -> None:
    """Each route has a transform of its own that merges into one output; a route nobody wired is a success."""
    nodes, _ = _routed()
    del nodes["creative"]
    nodes |= {"t2": template("{{technical}}!"), "g2": template("{{general}}!"), "out": output("{{t2 || g2}}")}
    edges = ("in -> r", "r technical-> technical", "technical -> t2", "t2 -> out", "r general-> general",
             "general -> g2", "g2 -> out")  # fmt: skip
    for route, ran in (
        ("technical", ["in", "r", "technical", "t2", "out"]),
        ("general", ["in", "r", "general", "g2", "out"]),
        ("creative", ["in", "r"]),
    ):
        chat = model(f'{{"selectedRoute": "{route}"}}')
        done = await play(nodes, *edges, inputs={"q": "?"}, services={"chat": chat})
        assert (done.row.status, done.ended("completed")) == ("completed", ran)
        if route != "creative":
            assert done.outputs == {"result": f"by {route}!"}
