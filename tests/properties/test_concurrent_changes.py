"""Operations of concurrent branches are never lost, in whatever order they complete (R17), by every interleaving."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from flowray.engine.shared_memory import contents
from flowray.engine.signals import VariableOperation
from tests.engine.harness import LOST, Reply, Run, err, items, ok
from tests.engine.plans import PlanMaker
from tests.properties.test_engine import orders

WIDTH = 5


def does(*operations: tuple[str, str, Any], shared: bool) -> Reply:
    """Change variables, or shared memory."""
    return ok(variables=tuple(VariableOperation(op, name, value, shared) for op, name, value in operations))


def all_kinds(number: int, shared: bool) -> Reply:
    """One operation of each kind, each on a variable of its own that all nodes change."""
    return does(
        ("increment", "sum", number), ("append", "log", number), ("merge", "fields", {f"n{number}": number}),
        ("append", "text", "x"), ("set", f"own{number}", number), shared=shared,
    )  # fmt: skip


def values(played: Run, shared: bool) -> dict[str, Any]:
    """What is left of all operations."""
    return contents(played.state.shared) if shared else played.state.variables


def independent(shared: bool) -> tuple[Any, dict[str, Any]]:
    """Five nodes at once in the root scope."""
    maker = PlanMaker()
    for number in range(WIDTH):
        maker.node(f"n{number}")
    if not shared:
        maker.variables = {"sum": 0, "log": [], "fields": {}, "text": ""}
    return maker.build(), {f"n{number}": all_kinds(number, shared) for number in range(WIDTH)}


@pytest.mark.parametrize("shared", [False, True], ids=["variables", "shared memory"])
def test_r17_concurrent_nodes_lose_nothing_in_any_order(shared: bool) -> None:
    plan, script = independent(shared)
    count = 0
    for played in orders(plan, script):
        count += 1
        played.check = count > 1
        found = values(played, shared)
        assert played.ended == "completed"
        assert found["sum"] == sum(range(WIDTH))
        assert sorted(found["log"]) == list(range(WIDTH))
        assert found["log"] == [int(name[1:]) for name in completed(played)], "appended in the order of completion"
        assert found["fields"] == {f"n{number}": number for number in range(WIDTH)}
        assert found["text"] == "x" * WIDTH
        assert {name for name in found if name.startswith("own")} == {f"own{number}" for number in range(WIDTH)}
    assert count == 120


def completed(played: Run) -> list[str]:
    """Instances in the order in which they completed."""
    return [event.instance for event in played.of_type("node.completed")]


@pytest.mark.parametrize("shared", [False, True], ids=["variables", "shared memory"])
@pytest.mark.parametrize("kind", ["parallel", "loop"])
def test_r17_branches_merge_in_index_order_whatever_order_they_end_in(kind: str, shared: bool) -> None:
    maker = PlanMaker()
    (maker.parallel if kind == "parallel" else maker.loop)("C", max_concurrency=4)
    maker.node("x", scope="C").node("after").edge("C -> after")
    if not shared:
        maker.variables = {"sum": 0, "log": [], "fields": {}, "text": ""}
    script = {
        "C": items(*range(4)),
        "x": lambda call, seen: all_kinds((seen.parallel or seen.loop)["index"], shared),
        "after": ok(),
    }
    ends = [values(played, shared) for played in orders(maker.build(), script)]
    assert len(ends) == 24
    assert all(end == ends[0] for end in ends)
    assert (ends[0]["sum"], ends[0]["log"], ends[0]["text"]) == (6, [0, 1, 2, 3], "xxxx")


@pytest.mark.parametrize("seed", range(30))
def test_r17_recovery_neither_loses_nor_repeats_an_operation(seed: int) -> None:
    chance = random.Random(seed)
    shared = bool(seed % 2)
    plan, script = independent(shared)
    script = {name: [LOST, reply] if chance.random() < 0.4 else reply for name, reply in script.items()}
    played = Run(plan, script, pick=lambda pending: chance.randrange(len(pending))).start()
    for _ in range(2):
        for _ in range(chance.randrange(4)):
            played.move()
        if played.ended is None:
            played.crash_and_recover()
    found = values(played.play(), shared)
    assert (found["sum"], sorted(found["log"]), found["text"]) == (10, list(range(WIDTH)), "x" * WIDTH)


LEVELS = some.lists(
    some.tuples(some.sampled_from(["loop", "wide loop", "parallel"]), some.integers(0, 3)), min_size=1, max_size=3
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    levels=LEVELS,
    shared=some.booleans(),
    slots=some.integers(1, 4),
    seed=some.integers(0, 2**32),
    failing=some.sets(some.integers(0, 26), max_size=4),
    crashes=some.lists(some.integers(0, 10), max_size=2),
)
def test_r17_nested_containers_change_in_the_order_of_their_indexes(
    levels: list[tuple[str, int]], shared: bool, slots: int, seed: int, failing: set[int], crashes: list[int]
) -> None:
    maker = PlanMaker(max_concurrent_nodes=slots)
    maker.variables = {} if shared else {"log": [], "sum": 0}
    scope = ""
    for depth, (kind, _) in enumerate(levels):
        add = maker.parallel if kind == "parallel" else maker.loop
        add(f"C{depth}", scope=scope, max_concurrency=1 if kind == "loop" else 2, item_failure="collect")
        scope = f"C{depth}"
    maker.node("x", scope=scope)
    places = list(itertools.product(*(range(size) for _, size in levels)))

    def leaf(call: Any, seen: Any) -> Reply:
        place = tuple(seen.containers[f"C{depth}"]["index"] for depth in range(len(levels)))
        if places.index(place) in failing:
            return err()
        return does(("append", "log", list(place)), ("increment", "sum", 1), shared=shared)

    chance = random.Random(seed)
    script = {f"C{depth}": items(*range(size)) for depth, (_, size) in enumerate(levels)}
    played = Run(maker.build(), {**script, "x": leaf}, pick=lambda pending: chance.randrange(len(pending))).start()
    for moves in crashes:
        for _ in range(moves):
            played.move()
        if played.ended is None:
            played.crash_and_recover()
    found = values(played.play(), shared)
    expected = [list(place) for number, place in enumerate(places) if number not in failing]
    assert (found.get("log", []), found.get("sum", 0)) == (expected, len(expected))
