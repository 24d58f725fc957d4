"""Scenarios D48 to D57: loops that really iterate. Theirs never do; the expectations are what their tests simulate."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.handlers.handler import NodeInput
from tests.engine.harness import Run, ok
from tests.engine.harness import items as items_of
from tests.engine.plans import PlanMaker
from tests.handlers.running import fail
from tests.handlers.running import output as output_of
from tests.scenarios.playing import (
    STEP,
    Played,
    condition,
    fails,
    http,
    jsonata,
    loop,
    output,
    play,
    source,
    template,
    variable,
    web,
)

EDGES = ("in -> L", "L loop-body-> body", "body -> L", "L loop-exit-> out")


async def each(items: Any, act: Any, reads: str = "{{loop}}", **config: Any) -> Played:
    """forEach over ``items``, the body doing ``act`` with what it ``reads``; the output is the loop's results."""
    body = {"type": "step", "config": {"loop": reads}}
    nodes = {"in": source(), "L": loop(arrayPath="items", **config), "body": body, "out": output("{{L}}")}
    return await play(nodes, *EDGES, acts={"body": act}, inputs={"items": items})


async def test_d48_for_each_gives_results_in_order() -> None:
    """Three fruits, each processed with its index: three results in order."""
    nodes = {
        "in": source(), "L": loop(arrayPath="items", itemVariable="fruit"),
        "body": jsonata('{"processed": "processed-" & fruit, "index": loop.index}'), "out": output("{{L}}"),
    }  # fmt: skip
    done = await play(nodes, *EDGES, inputs={"items": ["apple", "banana", "cherry"]})
    assert done.outputs["result"] == [
        {"processed": f"processed-{fruit}", "index": index} for index, fruit in enumerate(("apple", "banana", "cherry"))
    ]


async def test_d49_what_a_round_knows_about_itself() -> None:
    """item, index from 0, iteration from 1, total, the earlier results, isFirst and isLast."""

    def look(node: NodeInput) -> Any:
        names = ("item", "index", "iteration", "total", "results", "isFirst", "isLast")
        return {name: node.config["loop"][name] for name in names}

    first, second, third = (await each(["a", "b", "c"], look)).outputs["result"]
    assert first == {
        "item": "a", "index": 0, "iteration": 1, "total": 3, "results": [], "isFirst": True, "isLast": False,
    }  # fmt: skip
    assert (second["results"], second["iteration"]) == ([first], 2)
    assert (third["results"], third["isFirst"], third["isLast"]) == ([first, second], False, True)


async def test_d50_none_one_and_many() -> None:
    """No item: downstream runs once with []. One: first and last at once. A thousand: a thousand results."""
    done = await each([], None)
    assert (done.outputs, done.ended("completed")) == ({"result": []}, ["in", "L", "out"])

    def ends(node: NodeInput) -> Any:
        return [node.config["loop"]["isFirst"], node.config["loop"]["isLast"]]

    assert (await each([7], ends)).outputs["result"] == [[True, True]]
    many = await each(list(range(1_000)), lambda node: node.config["loop"], "{{loop.index}}", maxConcurrency=50)
    assert many.outputs["result"] == list(range(1_000))
    plan = PlanMaker().loop("L").node("body", scope="L").build()
    most = Run(plan, {"L": items_of(*range(10_000)), "body": ok(1)}, check=False).start().play()
    assert len(most.output_of("L")) == 10_000


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"loopType": "forEach", "arrayPath": "text"}, "did not resolve to an array"),
        ({"loopType": "forEach"}, "arrayPath is required for forEach loop"),
        ({"loopType": "count"}, "count is required for count loop"),
        ({"loopType": "count", "count": -1}, "Invalid count"),
        ({"loopType": "count", "count": "many"}, "Invalid count"),
    ],
)
async def test_d51_what_cannot_be_repeated_over(config: dict[str, Any], message: str) -> None:
    """Not a list, no list, a count that is missing, negative or no number: errors that say so."""
    error = await fail("loop", config, inputs={"text": "prose"}, sentinel="open")
    assert message in error.message


@pytest.mark.parametrize(("count", "total"), [(0, 0), ("{{repeatCount}}", 5), (3, 3)])
async def test_d51_counts(count: Any, total: int) -> None:
    """0 repeats nothing; "5" out of a variable is five."""
    found = await output_of("loop", {"loopType": "count", "count": count}, inputs={"repeatCount": "5"}, sentinel="open")
    assert found == {"total": total}


async def _while(start: int, test: str, **config: Any) -> Played:
    nodes = {
        "in": source(), "set": variable("n", start), "L": loop(loopType="while", condition=test, **config),
        "body": variable("n", 1, "increment"), "out": output("{{L}}"),
    }  # fmt: skip
    return await play(nodes, "in -> set", "set -> L", *EDGES[1:])


@pytest.mark.parametrize(
    ("start", "test", "config", "results", "reason"),
    [
        (0, "var.n < 5", {}, [1, 2, 3, 4, 5], "condition"),
        (9, "var.n < 5", {}, [], "condition"),
        (0, "true", {"maxIterations": 10}, list(range(1, 11)), "max_iterations"),
    ],
)
async def test_d52_while(start: int, test: str, config: dict[str, Any], results: list[int], reason: str) -> None:
    """Until the condition fails, none at all, or up to the node's own limit, which is no error (R12)."""
    done = await _while(start, test, **config)
    ended = [body for body in done.of_type("node.completed") if body["instance"] == "L"]
    assert (done.outputs, ended[0]["end_reason"]) == ({"result": results}, reason)


async def test_d53_what_a_round_sets_the_next_one_sees() -> None:
    """Fibonacci by variables: 1, 1, 2, 3, 5, 8; and each round reads the results before it."""
    nodes = {
        "in": source(), "a": variable("a", 0), "b": variable("b", 1), "L": loop(count=6),
        "keep": variable("old", "{{var.b}}"), "add": variable("b", "{{var.a + var.b}}"),
        "shift": variable("a", "{{var.old}}"), "out": output("{{L}}"),
    }  # fmt: skip
    done = await play(
        nodes, "in -> a", "a -> b", "b -> L", "L loop-body-> keep", "keep -> add", "add -> shift", "shift -> L",
        "L loop-exit-> out",
    )  # fmt: skip
    assert done.outputs == {"result": [1, 1, 2, 3, 5, 8]}
    summed = await each([1, 2, 3], lambda node: node.config["loop"]["item"] + sum(node.config["loop"]["results"]))
    assert summed.outputs == {"result": [1, 3, 7]}


async def test_d54_loops_within_loops() -> None:
    """2 by 3: the inner one runs whole for each outer item, begins at 0 again and sees the outer item; 2 by 2 by 2 runs
    its body eight times; an empty inner list is fine."""
    nodes = {
        "in": source(), "O": loop(arrayPath="rows", itemVariable="row"),
        "I": loop(arrayPath="row.cells", itemVariable="cell"), 
        "body": template("{{row.name}}{{cell}}{{loop.index}} of {{O.index}}/{{O.total}}"),
       
        "out": output("{{O}}"),
    }  # fmt: skip
    edges = ("in -> O", "O loop-body-> I", "I loop-body-> body", "body -> I", "I loop-exit-> O", "O loop-exit-> out")
    rows = [
        {"name": "a", "cells": ["x", "y", "z"]},
        {"name": "b", "cells": ["x", "y", "z"]},
        {"name": "c", "cells": []},
    ]
    done = await play(nodes, *edges, inputs={"rows": rows})
    assert done.outputs == {
        "result": [
            [f"{name}{cell}{inner} of {outer}/3" for inner, cell in enumerate("xyz")] for outer, name in enumerate("ab")
        ]
        + [[]]
    }
    cube = {"in": source(), "X": loop(count=2), "Y": loop(count=2), "Z": loop(count=2), "body": STEP}
    cubed = await play(
        cube, "in -> X", "X loop-body-> Y", "Y loop-body-> Z", "Z loop-body-> body", "body -> Z", "Z loop-exit-> Y",
        "Y loop-exit-> X",
    )  # fmt: skip
    assert len([name for name in cubed.ended("completed") if name.endswith("/body")]) == 8


def _by_item(test: str, taken: dict[str, Any], **config: Any) -> dict[str, Any]:
    return {
        "in": source(),
        "L": loop(arrayPath="items", **config),
        "if": condition(test),
        **taken,
        "out": output("{{L}}"),
    }


BRANCHED = ("in -> L", "L loop-body-> if", "if true-> yes", "if false-> no", "yes -> L", "no -> L", "L loop-exit-> out")


async def test_d55_choices_break_and_continue_within_a_loop() -> None:
    """[5, 15, 8, 20] > 10: two high, two low. A break at the first match keeps the results so far; continue filters."""
    items = {"items": [5, 15, 8, 20]}
    nodes = _by_item("loop.item > 10", {"yes": template("high"), "no": template("low")})
    assert (await play(nodes, *BRANCHED, inputs=items)).outputs == {"result": ["low", "high", "low", "high"]}
    nodes = _by_item("loop.item > 10", {"yes": {"type": "break", "config": {"value": "found"}}, "no": template("low")})
    broken = await play(nodes, *(edge for edge in BRANCHED if edge != "yes -> L"), inputs=items)
    assert broken.outputs == {"result": ["low", "found"]}
    assert next(body for body in broken.of_type("node.completed") if body["instance"] == "L")["end_reason"] == "break"
    nodes = _by_item("loop.item > 10", {"yes": template("{{loop.item}}"), "no": {"type": "continue", "config": {}}})
    filtered = await play(nodes, *(edge for edge in BRANCHED if edge != "no -> L"), inputs=items)
    assert [value for value in filtered.outputs["result"] if value is not None] == [15, 20]


@pytest.mark.parametrize("status", [200, 500])
async def test_d56_over_what_a_node_before_it_fetched(status: int) -> None:
    """The items of an HTTP answer; where the request fails, the loop and what follows are skipped."""
    nodes = {
        "get": http(failOnStatus=True), "L": loop(collection="{{get.data.items}}", itemVariable="user"),
        "body": template("{{user.email}}"), "out": output("{{L}}"),
    }  # fmt: skip
    users = [{"email": "a@b.c"}, {"email": "d@e.f"}]
    service = web(lambda request: (status, {"items": users}))
    done = await play(nodes, "get -> L", *EDGES[1:], services={"http": service})
    if status == 200:
        assert done.outputs == {"result": ["a@b.c", "d@e.f"]}
    else:
        assert (done.row.status, done.error["node_id"]) == ("failed", "get")
        assert sorted(done.ended("skipped")) == ["L", "out"]
        assert not [name for name in done.ended("completed") if "body" in name]


async def test_d57_one_bad_item_ends_the_loop_or_is_kept_as_an_error() -> None:
    """By the loop's policy for items: fail fast, collect the error at its index, or go on without it."""

    def act(node: NodeInput) -> Any:
        about = node.config["loop"]
        return fails("item 1 is bad") if about["index"] == 1 else about["item"]

    fast = await each(["a", "b", "c"], act)
    assert (fast.row.status, fast.error["instance"], fast.error["message"]) == ("failed", "L[1]/body", "item 1 is bad")
    assert fast.ended("failed") == ["L[1]/body", "L"]
    assert "L[2]/body" not in fast.ended("completed")
    kept = await each(["a", "b", "c"], act, itemFailure="collect")
    first, bad, third = kept.outputs["result"]
    assert (kept.row.status, first, third) == ("completed", "a", "c")
    assert bad["error"]["message"] == "item 1 is bad"
    skipped = await each(["a", "b", "c"], act, itemFailure="continue")
    assert (skipped.row.status, skipped.outputs["result"]) == ("completed", ["a", None, "c"])
