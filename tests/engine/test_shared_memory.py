"""Shared memory: entries changed by operations that no branch loses, within limits that are errors (R17)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.shared_memory import Entries, changed, contents, over_limit, unfit
from flowray.engine.signals import VariableOperation
from flowray.plan import PlanSettings
from tests.engine.harness import Reply, Run, items, ok, run
from tests.engine.plans import PlanMaker


def operation(op: str, name: str, value: Any = None) -> VariableOperation:
    """An operation on an entry."""
    return VariableOperation(op, name, value, shared=True)


def store(name: str, value: Any = "v") -> Reply:
    """A node that stores one entry."""
    return ok(variables=(operation("set", name, value),))


def made(**values: Any) -> Entries:
    """Entries with these values."""
    entries: Entries = {}
    for name, value in values.items():
        entries = changed(entries, operation("set", name, value))
    return entries


@pytest.mark.parametrize(
    ("op", "before", "value", "after"),
    [
        ("set", {"k": 1}, 2, {"k": 2}),
        ("append", {}, "text", {"k": "text"}),
        ("append", {"k": "Hello"}, " World", {"k": "Hello World"}),
        ("append", {"k": [1, 2]}, 3, {"k": [1, 2, 3]}),
        ("append", {}, {"a": 1}, {"k": [{"a": 1}]}),
        ("increment", {}, 2, {"k": 2}),
        ("merge", {"k": {"a": 1}}, {"b": 2}, {"k": {"a": 1, "b": 2}}),
        ("delete", {"k": 1, "l": 2}, None, {"l": 2}),
        ("delete", {"l": 2}, None, {"l": 2}),
    ],
)
def test_r17_operations(op: str, before: dict[str, Any], value: Any, after: dict[str, Any]) -> None:
    entries = made(**before)
    assert contents(changed(entries, operation(op, "k", value))) == after
    assert contents(entries) == before, "the entries themselves are never changed"


def test_sizes_are_bytes_of_json() -> None:
    assert made(k="日本")["k"].bytes == len('"日本"'.encode())


@pytest.mark.parametrize(
    ("op", "present", "value", "problem"),
    [
        ("append", 42, 1, "append needs a list or text"),
        ("append", [], 1, None),
        ("increment", "x", 1, "increment needs numbers, not string and number"),
        ("merge", [], {}, "merge needs objects, not array and object"),
        ("set", 42, "x", None),
        ("delete", 42, None, None),
    ],
)
def test_what_an_entry_does_not_take(op: str, present: Any, value: Any, problem: str | None) -> None:
    assert unfit(made(k=present), operation(op, "k", value)) == problem
    assert unfit({}, operation(op, "k", value)) is None


def test_limits_name_both_figures() -> None:
    settings = PlanSettings(memory_entries=2, memory_value_bytes=10, memory_total_bytes=15)
    assert over_limit(made(a="12345678", b="x"), settings) is None
    assert over_limit(made(a=1, b=2, c=3), settings) == "shared memory would have 3 entries; the limit is 2"
    assert over_limit(made(a="123456789"), settings) == "the entry 'a' would have 11 bytes; the limit is 10"
    assert over_limit(made(a="12345678", b="1234"), settings) == "shared memory would have 16 bytes; the limit is 15"


@pytest.mark.parametrize(
    ("config", "reads_shared", "seen"),
    [
        ({"text": "{{a}} and {{c}}"}, False, {"a": 1}),
        ({"text": '{{quo"te}}'}, False, {'quo"te': 3}),
        ({"text": "{{shared[name]}}"}, False, {"a": 1, "b": 2, 'quo"te': 3}),
        ({"text": "nothing"}, False, {}),
        ({"text": "nothing"}, True, {"a": 1, "b": 2, 'quo"te': 3}),
    ],
)
def test_r7_what_a_node_gets_of_it(config: dict[str, Any], reads_shared: bool, seen: dict[str, Any]) -> None:
    plan = PlanMaker().chain("w").node("r", config=config, reads_shared=reads_shared).edge("w -> r").build()
    stored = tuple(operation("set", name, value) for name, value in {"a": 1, "b": 2, 'quo"te': 3}.items())
    assert run(plan, {"w": ok(variables=stored)}).slices["r"].shared == seen


@pytest.mark.parametrize(
    ("operations", "code", "text"),
    [
        ([operation("set", "k", "x" * 100)], "SHARED_MEMORY_LIMIT_EXCEEDED", "the entry 'k' would have 102 bytes"),
        ([operation("set", f"k{n}") for n in range(3)], "SHARED_MEMORY_LIMIT_EXCEEDED", "3 entries; the limit is 2"),
        ([operation("set", "k", 1), operation("append", "k", 2)], "VARIABLE_MISMATCH", "cannot append the entry 'k'"),
    ],
)
def test_a_refused_operation_fails_its_node_and_changes_nothing(operations: list[Any], code: str, text: str) -> None:
    maker = PlanMaker(memory_entries=2, memory_value_bytes=50).chain("w", "h").edge("w error-> h")
    played = run(maker.build(), {"w": ok(variables=tuple(operations))})
    (failed,) = played.of_type("node.failed")
    assert (failed.error.code, failed.routed, failed.error.instance) == (code, True, "w")
    assert text in failed.error.message
    assert played.state.shared == {}


def test_r17_a_branch_sees_its_start_and_itself_and_all_merge_in_index_order() -> None:
    maker = PlanMaker().node("first").parallel("P").node("w", scope="P").node("r", scope="P", reads_shared=True)
    plan = maker.edge("first -> P", "w -> r").build()
    script = {
        "first": store("log", ["start"]),
        "P": items(0, 1, 2),
        "w": lambda call, seen: ok(variables=(operation("append", "log", seen.parallel["item"]),)),
        "r": lambda call, seen: ok(seen.shared["log"]),
    }
    played = Run(plan, script, pick=lambda pending: len(pending) - 1).start().play()
    assert played.output_of("P") == [["start", 0], ["start", 1], ["start", 2]]
    assert contents(played.state.shared) == {"log": ["start", 0, 1, 2]}


def test_branches_that_together_exceed_a_limit_fail_their_container_and_lose_nothing() -> None:
    maker = PlanMaker(memory_entries=3).parallel("P").node("w", scope="P").node("h").edge("P error-> h")
    script = {"P": items(*range(4)), "w": lambda call, seen: store(f"k{seen.parallel['index']}", 1)}
    played = run(maker.build(), script)
    (failed,) = played.of_type("node.failed")
    assert (failed.instance, failed.error.code) == ("P", "SHARED_MEMORY_LIMIT_EXCEEDED")
    assert failed.error.message == "together, shared memory would have 4 entries; the limit is 3"
    assert set(played.state.shared) == {"k0", "k1", "k2", "k3"}
    assert played.statuses()["h"] == "completed"


def test_rounds_one_after_the_other_see_what_the_last_stored() -> None:
    """Scenario 53, for shared memory."""
    maker = PlanMaker().loop("L").node("x", scope="L", reads_shared=True)
    seen: list[Any] = []

    def x(call: Any, context: Any) -> Reply:
        seen.append(context.shared.get("n"))
        return ok(variables=(operation("increment", "n", 1),))

    played = run(maker.build(), {"L": items("a", "b", "c"), "x": x})
    assert seen == [None, 1, 2]
    assert contents(played.state.shared) == {"n": 3}


def test_r29_it_survives_its_owner() -> None:
    maker = PlanMaker().parallel("P").node("w", scope="P").node("again", scope="P").edge("w -> again")
    script = {"P": items(0, 1), "w": ok(variables=(operation("append", "log", "x"),))}
    played = Run(maker.build(), script).start()
    played.finish("P")
    played.finish("P[1]/w")
    played.crash_and_recover()
    assert contents(played.state.scopes["P[1]"].shared) == {"log": "x"}
    assert contents(played.play().state.shared) == {"log": "xx"}


def test_setting_one_entry_to_two_values_warns() -> None:
    maker = PlanMaker().parallel("P").node("w", scope="P")
    played = run(maker.build(), {"P": items(1, 2), "w": lambda call, seen: store("k", seen.parallel["item"])})
    (warning,) = played.of_type("node.log")
    assert warning.fields == {"variable": "shared.k", "branches": [0, 1]}
    assert contents(played.state.shared) == {"k": 2}
