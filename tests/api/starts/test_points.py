"""Options of a start that say which part of a plan runs (R51), over the in-process runtime."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.conftest import frames
from tests.api.part_runs import INPUT, World, asks, chain, open_world, says
from tests.runtime.workflows import definition


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world() as opened:
        yield opened


async def refused(world: World, document: Any, status: int = 422, **options: Any) -> Any:
    """The problem that a start with these options is answered with."""
    answer = await world.http.post("/v1/executions", json={"definition": document, "options": options})
    assert answer.status_code == status, answer.text
    assert world.was_asked() == []
    return answer.json()


async def test_run_until_ends_with_the_nodes_output(world: World) -> None:
    done = await world.run(chain(), {"x": 1}, run_until="a")
    assert (done["status"], world.was_asked()) == ("completed", ["a"])
    assert done["outputs"]["a"]["data"] == {"from": "a"}
    assert done["rerun_of"] is None


async def test_pins_stand_in_for_nodes(world: World) -> None:
    done = await world.run(chain(), {"x": 1}, pins={"a": {"data": {"from": "pinned"}}})
    assert (done["outputs"], world.was_asked()) == ({"y": "1 pinned b"}, ["b"])
    assert await world.lanes(done) == {"in": "inline", "a": "pinned", "b": "io", "out": "inline"}


async def test_large_pins_are_stored_like_large_outputs(world: World) -> None:
    text = "p" * 100_000
    done = await world.run(chain(), {"x": 1}, pins={"a": {"data": {"from": text}}, "out": {"y": text}})
    assert (done["status"], done["outputs"]) == ("completed", {"y": text})
    assert len(world.payloads.of(done)) == 2
    assert (await world.output(done, "a"))["data"]["from"] == text


async def test_one_node_alone_with_inputs_and_pins(world: World) -> None:
    pins = {name: {"data": {"from": name.upper()}} for name in "ab"}
    done = await world.run(chain(), {"x": 5}, only_node="out", pins=pins)
    assert (done["status"], done["outputs"], world.was_asked()) == ("completed", {"y": "5 A B"}, [])
    problem = await refused(world, chain(), only_node="out")
    assert (problem["code"], [item["pointer"] for item in problem["errors"]]) == (
        "INVALID_START_POINT", ["/options/only_node", "/options/only_node"],
    )  # fmt: skip
    assert "pin" in problem["hint"]


async def test_run_from_takes_over_from_another_execution_with_its_inputs(world: World) -> None:
    done = await world.run(chain(), {"x": 1})
    edited = chain()
    edited["nodes"]["b"] = asks("c")
    world.was_asked()
    again = await world.run(edited, None, run_from={"node_id": "b", "execution_id": done["id"]})
    assert (again["outputs"], again["inputs"], world.was_asked()) == ({"y": "1 a c"}, {"x": 1}, ["c"])
    assert again["rerun_of"] is None


async def test_run_from_without_an_execution_needs_pins(world: World) -> None:
    problem = await refused(world, chain(), run_from={"node_id": "b"})
    assert problem["errors"][0]["pointer"] == "/options/run_from/node_id"
    done = await world.run(chain(), {"x": 2}, run_from={"node_id": "b"}, pins={"a": {"data": {"from": "A"}}})
    assert (done["outputs"], world.was_asked()) == ({"y": "2 A b"}, ["b"])


async def test_a_running_execution_cannot_be_taken_over_from(world: World) -> None:
    """R56."""
    waits = definition({"w": {"type": "wait", "config": {"duration": 3600, "unit": "seconds"}}})
    started = (await world.http.post("/v1/executions", json={"definition": waits})).json()
    problem = await refused(world, chain(), 409, run_from={"node_id": "b", "execution_id": started["id"]})
    assert (problem["code"], problem["execution_id"]) == ("EXECUTION_NOT_ENDED", started["id"])
    assert (await refused(world, chain(), 404, run_from={"node_id": "b", "execution_id": "x"}))["code"] == "NOT_FOUND"


async def test_wrong_places_are_named_where_they_stand(world: World) -> None:
    loop = {"L": {"type": "loop", "config": {"loopType": "count", "count": 2}}, "a": asks("a"), "end": says(1)}
    document = definition(loop, "L loop-body-> a", "L loop-exit-> end")
    problem = await refused(world, document, run_until="a", pins={"zz": 1})
    assert [item["pointer"] for item in problem["errors"]] == ["/options/run_until", "/options/pins/zz"]
    assert "'L'" in problem["detail"]


async def batch(world: World, rows: list[Any], **options: Any) -> Any:
    """The answer to a batch of ``chain``."""
    saved = (await world.http.post("/v1/workflows", json=chain())).json()
    body = {"inputs": rows, "options": options}
    return await world.http.post(f"/v1/workflows/{saved['id']}/batches", json=body)


async def ended_rows(world: World, answer: Any) -> list[Any]:
    """The executions of a batch, ended."""
    assert answer.status_code == 202, answer.text
    found = []
    for url in (f"/v1/executions/{its_id}" for its_id in answer.json()["executions"]):
        # The stream ends with the execution.
        await world.http.get(f"{url}/events", headers={"Accept": "text/event-stream"})
        found.append((await world.http.get(url)).json())
    return found


async def test_a_batch_runs_until_a_node(world: World) -> None:
    rows = await ended_rows(world, await batch(world, [{"x": 1}, {"x": 2}], run_until="a"))
    assert [(row["status"], row["outputs"]["a"]["data"]) for row in rows] == [("completed", {"from": "a"})] * 2
    assert world.was_asked() == ["a", "a"]


async def test_a_batch_takes_pins_also_large_ones_for_every_row(world: World) -> None:
    text = "p" * 100_000
    pins = {"a": {"data": {"from": text}}, "b": {"data": {"from": "B"}}}
    rows = await ended_rows(world, await batch(world, [{"x": 1}, {"x": 2}], pins=pins))
    assert [row["outputs"]["y"] for row in rows] == [f"{x} {text} B" for x in (1, 2)]
    assert world.was_asked() == []
    assert all(world.payloads.of(row) for row in rows)


async def test_a_batch_runs_one_node_over_many_inputs(world: World) -> None:
    pins = {name: {"data": {"from": name.upper()}} for name in "ab"}
    rows = await ended_rows(world, await batch(world, [{"x": 1}, {"x": 2}], only_node="out", pins=pins))
    assert [row["outputs"] for row in rows] == [{"y": "1 A B"}, {"y": "2 A B"}]


async def test_a_batch_takes_nothing_over_and_starts_nothing_wrong(world: World) -> None:
    answer = await batch(world, [{"x": 1}], run_from={"node_id": "b"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/options/run_from")
    assert "pin" in answer.json()["hint"]
    answer = await batch(world, [{"x": 1}], run_until="zz", pins={"yy": 1})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_START_POINT")
    assert [item["pointer"] for item in answer.json()["errors"]] == ["/options/run_until", "/options/pins/yy"]
    assert world.was_asked() == []


async def test_a_container_is_run_from_and_until_as_a_whole(world: World) -> None:
    loop = {"L": {"type": "loop", "config": {"loopType": "count", "count": 2}}, "a": asks("a"), "end": says("{{L}}")}
    nodes = {"in": INPUT, "first": asks("first"), **loop}
    document = definition(nodes, "in -> first", "first -> L", "L loop-body-> a", "L loop-exit-> end")
    done = await world.run(document, {"x": 1}, run_until="L")
    assert (world.was_asked(), len(done["outputs"]["L"])) == (["first", "a", "a"], 2)
    again = await world.run(document, {"x": 1}, run_from={"node_id": "L", "execution_id": done["id"]})
    assert (again["status"], world.was_asked(), len(again["outputs"]["y"])) == ("completed", ["a", "a"], 2)
    for options in ({"run_until": "a"}, {"run_from": {"node_id": "a", "execution_id": done["id"]}}, {"only_node": "a"}):
        problem = await refused(world, document, **options)
        assert (problem["code"], "'L'" in problem["hint"]) == ("INVALID_START_POINT", True)


async def test_events_say_what_was_taken_over_and_what_was_chosen(world: World) -> None:
    """R54."""
    done = await world.run(chain(), {"x": 1}, run_until="b", pins={"a": {"data": {"from": "A"}}})
    stream = await world.http.get(f"/v1/executions/{done['id']}/events", headers={"Accept": "text/event-stream"})
    seen = {event: data for _, event, data in frames(stream.text)}
    assert seen["execution.started"]["selection"] == {"run_until": "b", "may_run": ["b"]}
    assert (seen["node.reused"]["instance"], seen["node.reused"]["pinned"]) == ("a", True)
    record = await world.http.get(f"/v1/executions/{done['id']}")
    assert "selection" not in record.json()


async def test_a_node_in_a_loop_is_pinned_in_every_round(world: World) -> None:
    loop = {"L": {"type": "loop", "config": {"loopType": "count", "count": 2}}, "a": asks("a"), "end": says("{{L}}")}
    document = definition({"in": INPUT, **loop}, "in -> L", "L loop-body-> a", "L loop-exit-> end")
    done = await world.run(document, pins={"a": "pinned"})
    assert (done["outputs"], world.was_asked()) == ({"y": ["pinned", "pinned"]}, [])
