"""Reruns over the API: what runs again, with which inputs and changes, and what is taken over (R53, R56)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.part_runs import INPUT, World, asks, chain, open_world, says
from tests.runtime.workflows import definition


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world() as opened:
        yield opened


async def test_r53_all_of_it_runs_again_with_inputs_changed_and_is_linked(world: World) -> None:
    done = await world.run(chain(), {"x": 1, "other": True}, labels={"team": "a"})
    again = await world.rerun(done, inputs={"x": 2})
    assert (again["status"], again["outputs"]) == ("completed", {"y": "2 a b"})
    assert (again["rerun_of"], again["inputs"]) == (done["id"], {"x": 2, "other": True})
    assert (again["labels"], again["plan_hash"]) == ({"team": "a"}, done["plan_hash"])
    assert world.was_asked() == ["a", "b", "a", "b"]


async def test_from_a_node_what_was_before_it_is_taken_over(world: World) -> None:
    done = await world.run(chain(), {"x": 1})
    world.was_asked()
    world.says = {"a": {"from": "A"}, "b": {"from": "B"}}
    again = await world.rerun(done, from_node="b")
    assert (again["outputs"], world.was_asked()) == ({"y": "1 a B"}, ["b"])
    assert await world.lanes(again) == {"in": "reused", "a": "reused", "b": "io", "out": "inline"}
    assert (await world.output(again, "a"))["data"] == {"from": "a"}
    assert again["progress"]["completed"] == 4
    third = await world.rerun(again, from_node="out")
    assert (third["outputs"], world.was_asked()) == ({"y": "1 a B"}, [])


async def test_other_inputs_reach_what_runs_and_not_what_is_taken_over(world: World) -> None:
    done = await world.run(chain(), {"x": 1})
    world.was_asked()
    again = await world.rerun(done, from_node="b", inputs={"x": 7})
    assert (again["outputs"], world.was_asked()) == ({"y": "7 a b"}, ["b"])
    assert (await world.lanes(again))["in"] == "inline"
    first = await world.rerun(done, from_node="a", inputs={"x": 8})
    assert (first["outputs"], world.was_asked()) == ({"y": "8 a b"}, ["a", "b"])


async def test_failed_only_runs_what_failed_and_what_follows(world: World) -> None:
    nodes = {
        "in": INPUT,
        "a": asks("a"),
        "b": asks("b"),
        "out": says("{{a.data.from}}"),
        "end": says("{{b.data.from}}", "z"),
    }
    world.broken = {"b"}
    failed = await world.run(definition(nodes, "in -> a", "in -> b", "a -> out", "b -> end"))
    assert (failed["status"], failed["outputs"]) == ("failed", {"y": "a"})
    world.was_asked()
    world.broken = set()
    again = await world.rerun(failed, failed_only=True)
    assert (again["status"], again["outputs"], world.was_asked()) == ("completed", {"y": "a", "z": "b"}, ["b"])
    assert again["errors"] == []
    problem = await world.rerun(again, 422, failed_only=True)
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("INVALID_START_POINT", "/failed_only")


async def test_until_and_pins_in_a_rerun(world: World) -> None:
    done = await world.run(chain(), {"x": 1})
    world.was_asked()
    again = await world.rerun(done, until_node="b", pins={"a": {"data": {"from": "pinned"}}})
    assert (again["status"], world.was_asked()) == ("completed", ["b"])
    assert again["outputs"]["b"]["data"] == {"from": "b"}
    alone = await world.rerun(done, from_node="a", until_node="a")
    assert (list(alone["outputs"]), world.was_asked()) == (["a"], ["a"])


async def test_an_edited_definition_keeps_what_its_ids_tie_to(world: World) -> None:
    done = await world.run(chain(), {"x": 1})
    world.was_asked()
    edited = chain()
    edited["nodes"]["out"]["config"]["value"] = "now {{a.data.from}}"
    again = await world.rerun(done, from_node="out", definition=edited)
    assert (again["outputs"], world.was_asked()) == ({"y": "now a"}, [])
    assert again["workflow_version"] is None
    assert again["plan_hash"] != done["plan_hash"]
    # failed_only with an edited node that had completed: it, and what follows, runs too.
    third = await world.rerun(done, failed_only=True, definition=edited)
    assert (third["outputs"], await world.lanes(third)) == (
        {"y": "now a"}, {"in": "reused", "a": "reused", "b": "reused", "out": "inline"},
    )  # fmt: skip


async def test_config_of_a_saved_workflow_is_changed_by_node(world: World) -> None:
    saved = (await world.http.post("/v1/workflows", json=chain())).json()
    started = await world.http.post(f"/v1/workflows/{saved['id']}/execute?wait=30", json={"inputs": {"x": 1}})
    done = started.json()
    world.was_asked()
    changed = {"out": {"value": "just {{x}}"}}
    again = await world.rerun(done, from_node="out", config=changed)
    assert (again["outputs"], again["workflow_id"], world.was_asked()) == ({"y": "just 1"}, saved["id"], [])
    assert again["workflow_version"] is None
    problem = await world.rerun(done, 422, from_node="out", config={"a": {"url": "http://world/z"}})
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("INVALID_START_POINT", "/config/a")
    problem = await world.rerun(done, 422, config={"nope": {}})
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("INVALID_START_POINT", "/config/nope")


async def test_config_of_a_definition_that_is_not_kept_needs_the_definition(world: World) -> None:
    done = await world.run(chain(), {"x": 1})
    problem = await world.rerun(done, 422, config={"out": {"value": "x"}})
    assert problem["code"] == "INVALID_START_POINT"
    assert "definition" in problem["hint"]
    again = await world.rerun(done, definition=chain(), config={"out": {"value": "just {{x}}"}}, from_node="out")
    assert again["outputs"] == {"y": "just 1"}


async def test_large_outputs_stay_readable_when_the_source_is_gone(world: World) -> None:
    """R34: the new execution has copies of its own."""
    world.says = {"a": {"text": "x" * 100_000}}
    nodes = {"in": INPUT, "a": asks("a"), "b": asks("b"), "out": says("{{a.data.text}}")}
    done = await world.run(definition(nodes, "in -> a", "a -> b", "b -> out"))
    assert done["outputs"] == {"y": "x" * 100_000}
    again = await world.rerun(done, from_node="b")
    assert world.payloads.of(done)
    for payload_id in world.payloads.of(done):
        del world.payloads.blobs[payload_id]
    third = await world.rerun(again, from_node="b")
    assert third["outputs"] == {"y": "x" * 100_000}
    assert (await world.output(third, "a"))["data"] == {"text": "x" * 100_000}
