"""Scenarios F67 to F72: large values, what is kept, which name wins, what comes out, and shared memory."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from flowray.engine.residency import SMALL_BYTES, inline_limit
from flowray.engine.snapshot import snapshot_from_json, snapshot_to_json
from flowray.engine.statuses import NodeStatus
from flowray.eventlog.sse import public_event
from flowray.values import INLINE_LIMIT_BYTES, StoredValue, as_value
from tests.engine.harness import Run, ok
from tests.engine.plans import PlanMaker
from tests.scenarios.playing import (
    STEP,
    Played,
    compile_result,
    jsonata,
    output,
    play,
    source,
    template,
    variable,
)

MIB = 1024 * 1024


async def test_f67_a_large_output_is_shown_shortened_and_read_whole() -> None:
    """Above 1 MiB: events show {__truncated, __originalSize, __preview}. Sizes are bytes of JSON text, not theirs of
    two per character, and whoever reads the value reads all of it (R16)."""
    text = "ä" * MIB
    nodes = {"big": STEP, "size": jsonata("$length(big)"), "out": output("{{size}}")}
    done = await play(nodes, "big -> size", "size -> out", acts={"big": text})
    assert done.outputs == {"result": MIB}
    event = next(event for event in done.log if event.type == "node.completed" and event.body["instance"] == "big")
    shown = public_event(event, "e1")["output"]
    assert set(shown) == {"__truncated", "__originalSize", "__preview"}
    assert (shown["__truncated"], shown["__originalSize"]) == (True, 2 * MIB + 2)
    assert shown["__preview"].startswith('"äää')
    assert len(shown["__preview"]) <= 1_000


async def test_f68_what_no_longer_fits_is_stored_and_still_read() -> None:
    """Theirs drops the oldest outputs above 80 % of 50 MiB and keeps ten. Ours stores what does not fit (R16), and a
    read of it goes through to the store (R7): the last of 14 nodes reads the first. Below the limit all stay inline."""
    names = [f"n{number}" for number in range(13)]
    nodes: dict[str, Any] = dict.fromkeys(names, STEP) | {"out": output("{{n0[0]}}{{n12[12]}}")}
    edges = [f"n{number} -> n{number + 1}" for number in range(12)] + ["n12 -> out"]
    acts = {name: [name] * 200 for name in names}
    kept = await play(nodes, *edges, acts=acts)
    spilled = await play(nodes, *edges, acts=acts, settings={"context": {"maxTotalBytes": 0}})
    assert kept.outputs == spilled.outputs == {"result": "n0n12"}

    def stored(done: Any) -> int:
        outputs = [as_value(body.get("output")) for body in done.of_type("node.completed")]
        return sum(isinstance(value, StoredValue) for value in outputs)

    assert (stored(kept), stored(spilled)) == (0, 13)
    started = Run(PlanMaker(max_total_bytes=50 * MIB).node("a").build()).start()
    assert inline_limit(started.index, started.state) == INLINE_LIMIT_BYTES
    full = Run(PlanMaker(max_total_bytes=0).node("a").build()).start()
    assert inline_limit(full.index, full.state) == SMALL_BYTES


def test_f69_going_on_never_changes_an_older_snapshot() -> None:
    """What was saved stays as it was, whatever the live state does; going on from it gives the same end."""
    plan = PlanMaker().node("a").node("b").node("c", reads=("a",)).edge("a -> b", "b -> c").build()
    live = Run(plan, {"a": ok({"list": [1]})}).start()
    live.finish("a")
    saved = snapshot_to_json(live.state)
    restored = snapshot_from_json(saved)
    restored.scopes[""].nodes["a"].output["list"].append(2)
    assert live.root()["a"].output == {"list": [1]}
    live.finish("b")
    assert live.slices["c"].outputs == {"a": {"list": [1]}}
    live.play()
    assert snapshot_to_json(snapshot_from_json(saved)) == saved
    assert snapshot_from_json(saved).scopes[""].nodes["b"].status is NodeStatus.RUNNING


@pytest.mark.parametrize(
    ("given", "sees"),
    [
        ({"x": "input"}, "input"),
        ({"x": "input", "node": True}, "node"),
        ({"x": "input", "node": True, "variable": True}, "variable"),
    ],
)
async def test_f70_which_name_wins(given: dict[str, Any], sees: str) -> None:
    """Inputs give way to node outputs by id, and these to variables (design, section 6: variables, node outputs,
    inputs; theirs puts the node first, its own tests of the resolver do not). Keys of outputs never override a name."""
    nodes: dict[str, Any] = {"in": source(), "x" if "node" in given else "y": STEP, "out": output("{{x}}|{{other}}")}
    step = next(name for name in nodes if name in "xy")
    edges = [f"in -> {step}", f"{step} -> out"]
    if "variable" in given:
        nodes["set"] = variable("x", "variable")
        edges = ["in -> set", f"set -> {step}", f"{step} -> out"]
    acts = {"x": "node", "y": {"x": "a flattened key", "other": "flat"}}
    done = await play(nodes, *edges, acts=acts, inputs={"x": given["x"]}, dialect="flowmaestro")
    assert done.outputs["result"].split("|")[0] == sees
    if step == "y":
        assert done.outputs["result"] == f"{sees}|flat"


async def test_f71_outputs_are_the_output_nodes_else_the_variables() -> None:
    """Output nodes merged; without any, the workflow's variables, as the FlowMaestro dialect has it (R8)."""
    nodes = {"in": source(), "v": variable("kept", 5), "a": output(1, "first"), "b": output(2, "second")}
    done = await play(nodes, "in -> v", "v -> a", "a -> b", dialect="flowmaestro")
    assert done.outputs == {"first": 1, "second": 2}
    done = await play({"in": source(), "v": variable("kept", 5), "t": template("x")}, "in -> v", "v -> t",
                      dialect="flowmaestro")  # fmt: skip
    assert done.outputs == {"kept": 5}


def _memory(operation: str, key: str = "k", **config: Any) -> dict[str, Any]:
    return {"type": "shared-memory", "config": {"operation": operation, "key": key, **config}}


async def _stored(*nodes: dict[str, Any], **settings: Any) -> Played:
    """The nodes one after another; the output is the entry ``k``."""
    named = {f"m{number}": node for number, node in enumerate(nodes)}
    edges = [f"{a} -> {b}" for a, b in pairwise([*named, "out"])]
    return await play({**named, "out": output("{{shared.k}}")}, *edges, settings=settings)


async def test_f72_shared_memory_has_limits_and_operations() -> None:
    """100 KiB a value, 1,000 entries and 10 MiB in all, else an error that names the limit. Lists and text can be
    appended to, numbers not. Searching respects topK and threshold; ours is by words, with no embedding to skip."""
    done = await _stored(_memory("store", value="x" * 100 * 1024))
    assert (done.error["code"], done.error["node_id"]) == ("SHARED_MEMORY_LIMIT_EXCEEDED", "m0")
    assert "102400" in done.error["message"]
    for limits in ({"maxEntries": 1}, {"maxTotalBytes": 12}):
        done = await _stored(_memory("store", "a", value="12345678"), _memory("store", "b", value="12345678"),
                             sharedMemory=limits)  # fmt: skip
        assert (done.error["code"], done.error["node_id"]) == ("SHARED_MEMORY_LIMIT_EXCEEDED", "m1")
    plan = compile_result({"a": STEP}).require()
    assert (plan.settings.memory_entries, plan.settings.memory_total_bytes) == (1_000, 10 * MIB)
    assert (await _stored(_memory("store", value="1"), _memory("store", value="2"))).outputs == {"result": "2"}
    listed = await _stored(_memory("store", value=["a"]), _memory("append", value="b"))
    assert listed.outputs == {"result": ["a", "b"]}
    assert (await _stored(_memory("store", value="a"), _memory("append", value="b"))).outputs == {"result": "ab"}
    failed = await _stored(_memory("store", value=5), _memory("append", value=6))
    assert (failed.row.status, failed.error["node_id"]) == ("failed", "m1")
    search = {"type": "shared-memory", "config": {"operation": "search", "searchQuery": "red fox", "topK": 2,
                                                  "similarityThreshold": 0.9}}  # fmt: skip
    stories = [_memory("store", f"s{number}", value=text)
               for number, text in enumerate(("a red fox", "a red car", "fox, red", "the red fox again"))]  # fmt: skip
    found = (await _stored(*stories, search)).output_of("m4")
    assert (found["query"], found["resultCount"]) == ("red fox", 2)
    assert all("red" in result["value"] and "fox" in result["value"] for result in found["results"])
