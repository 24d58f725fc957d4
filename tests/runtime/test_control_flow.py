"""Control flow end to end: real node types and lanes, in one process (R5, R12, R15, R16, R17, R20)."""

from __future__ import annotations

from typing import Any

from flowray.values import StoredValue, as_value, decode_json
from tests.runtime.test_local import Bench, bench
from tests.runtime.workflows import compiled


def output(value: str, name: str = "result") -> dict[str, Any]:
    """An output node."""
    return {"type": "output", "config": {"outputName": name, "value": value}}


def template(text: str, **config: Any) -> dict[str, Any]:
    """A node that makes text."""
    return {"type": "transform", "config": {"operation": "template", "template": text, **config}}


async def whole(desk: Bench, value: Any) -> Any:
    """A value of an output, loaded if it is stored."""
    stored = as_value(value)
    if isinstance(stored, StoredValue):
        return decode_json(await desk.runtime.load_payload(stored.payload_id))
    return value


async def test_a_switch_takes_one_way_by_any_spelling_of_its_edges() -> None:
    cases = [{"value": "gold*", "label": "Gold"}, {"value": "silver"}]
    nodes = {
        "in": {"type": "input", "config": {"inputName": "tier"}},
        "by": {"type": "switch", "config": {"expression": "{{tier}}", "cases": cases, "defaultCase": "none"}},
        "a": output("gold"), "b": output("silver"), "c": output("other"),
    }  # fmt: skip
    plan = compiled(nodes, "in -> by", "by Gold-> a", "by case_1-> b", "by default-> c")
    async with bench() as desk:
        found = [(await desk.run(plan, tier=tier)).outputs for tier in ("GOLD+", "Silver", "?")]
        assert found == [{"result": "gold"}, {"result": "silver"}, {"result": "other"}]


async def test_r5_a_cycle_runs_until_its_branch_leaves_it() -> None:
    nodes = {
        "in": {"type": "input", "config": {}},
        "count": {"type": "variable", "config": {"operation": "increment", "variableName": "n", "value": 1}},
        "done": {"type": "conditional", "config": {"expression": "var.n >= 4"}},
        "out": output("{{var.n}}"),
    }
    plan = compiled(
        nodes, "in -> count", "count -> done", "done false-> count", "done true-> out", dialect="flowmaestro"
    )
    async with bench() as desk:
        assert (await desk.run(plan)).outputs == {"result": 4}


async def test_break_and_a_collection_of_pairs() -> None:
    nodes = {
        "in": {"type": "input", "config": {"inputName": "prices"}},
        "each": {"type": "loop", "config": {"loopType": "forEach", "arrayPath": "prices"}},
        "dear": {"type": "conditional", "config": {"expression": "loop.item.value > 10"}},
        "stop": {"type": "break", "config": {"value": "too dear"}},
        "show": template("{{loop.item.key}}"),
        "out": output("{{each}}"),
    }
    plan = compiled(
        nodes, "in -> each", "each loop-body-> dear", "dear true-> stop", "dear false-> show", "show -> each",
        "each loop-exit-> out",
    )  # fmt: skip
    async with bench() as desk:
        row = await desk.run(plan, prices={"pear": 3, "plum": 7, "truffle": 90, "kiwi": 1})
        assert row.outputs == {"result": ["pear", "plum", "too dear"]}


async def test_r15_r16_a_large_collection_through_a_parallel_that_reduces() -> None:
    rows = [{"n": number, "pad": "x" * 900} for number in range(300)]
    nodes = {
        "in": {"type": "input", "config": {"inputName": "rows"}},
        "all": {
            "type": "parallel",
            "config": {"collection": "{{rows}}", "maxConcurrency": 8, "reduce": "$sum($map(results, $number))"},
        },
        "pick": template("{{parallel.item.n}}.0"),
        "out": output("{{all}}"),
    }
    plan = compiled(nodes, "in -> all", "all parallel-body-> pick", "all parallel-exit-> out")
    async with bench() as desk:
        row = await desk.run(plan, rows=rows)
        assert row.outputs == {"result": sum(range(300))}
        opened = next(event for event in await desk.events(row.id) if event.type == "scope.opened")
        assert opened.body["total"] == 300
        assert len(opened.body["items"]["chunks"]) > 1


async def test_r16_large_results_are_read_whole() -> None:
    nodes = {
        "in": {"type": "input", "config": {}},
        "many": {"type": "parallel", "config": {"count": 40, "maxConcurrency": 8}},
        "big": template("{{parallel.index}}:" + "y" * 3_000),
        "last": template("{{many[39]}}"),
        "out": output("{{many.length}}"),
        "text": output("{{last}}", "last"),
    }
    plan = compiled(
        nodes, "in -> many", "many parallel-body-> big", "many parallel-exit-> last", "last -> out", "last -> text"
    )
    async with bench() as desk:
        row = await desk.run(plan)
        assert row.outputs["result"] == 40
        assert (await whole(desk, row.outputs["last"])).startswith("39:yyy")


async def test_l5_a_context_limit_of_nothing_changes_no_result() -> None:
    nodes = {
        "in": {"type": "input", "config": {"inputName": "n"}},
        "a": template("{{n}}" + "a" * 2_000),
        "b": template("{{a}}" + "b" * 2_000),
        "out": output("{{b}}"),
    }
    chain = ("in -> a", "a -> b", "b -> out")
    async with bench() as desk:
        kept = await desk.run(compiled(nodes, *chain), n=1)
        spilled = await desk.run(compiled(nodes, *chain, settings={"context": {"maxTotalBytes": 0}}), n=1)
        assert isinstance(as_value(spilled.outputs["result"]), StoredValue)
        assert await whole(desk, spilled.outputs["result"]) == kept.outputs["result"]


async def test_r20_the_error_handler_tells_what_failed() -> None:
    nodes = {
        "in": {"type": "input", "config": {}},
        "bad": {"type": "loop", "config": {"loopType": "forEach", "arrayPath": "in.nothing"}},
        "x": template("x"),
        "h": output("{{error.node_id}}: {{error.code}}", "alarm"),
    }
    plan = compiled(nodes, "in -> bad", "bad loop-body-> x", settings={"errorHandler": "h"})
    async with bench() as desk:
        row = await desk.run(plan)
        assert (row.status, row.outputs) == ("failed", {"alarm": "bad: COLLECTION_INVALID"})


async def test_r9_a_response_ends_the_execution_and_gives_its_outputs() -> None:
    config = {"data": {"name": "{{name}}"}, "status": 201, "headers": {"X-Trace": "1"}}
    nodes = {
        "in": {"type": "input", "config": {"inputName": "name"}},
        "answer": {"type": "response", "config": config},
        "late": {"type": "wait", "config": {"duration": 3_600_000}},
        "after": template("never"),
        "out": output("never"),
    }
    plan = compiled(nodes, "in -> answer", "in -> late", "answer -> after", "late -> out")
    async with bench() as desk:
        row = await desk.run(plan, name="Ada")
        assert row.status == "completed"
        assert row.outputs == {
            "data": {"name": "Ada"}, "status": 201, "headers": {"Content-Type": "application/json", "X-Trace": "1"},
        }  # fmt: skip
        ended = {event.body.get("node_id"): event.type for event in await desk.events(row.id)}
        assert (ended["after"], ended["out"], ended["late"]) == ("node.skipped", "node.skipped", "node.cancelled")


async def test_r17_shared_memory_of_branches_is_read_and_found_afterwards() -> None:
    nodes = {
        "in": {"type": "input", "config": {"inputName": "topics"}},
        "each": {"type": "parallel", "config": {"collection": "{{topics}}"}},
        "keep": {
            "type": "shared-memory",
            "config": {"operation": "set", "key": "topic_{{parallel.index}}", "value": "about {{parallel.item}}"},
        },
        "log": {
            "type": "shared-memory",
            "config": {"operation": "append", "key": "log", "value": "{{parallel.item}};"},
        },
        "find": {"type": "shared-memory", "config": {"operation": "search", "searchQuery": "about fish", "topK": 1}},
        "out": output("{{find.results[0].key}}: {{shared.topic_1}}, {{shared.log}}"),
    }
    plan = compiled(
        nodes, "in -> each", "each parallel-body-> keep", "keep -> log", "each parallel-exit-> find", "find -> out"
    )
    async with bench() as desk:
        row = await desk.run(plan, topics=["dogs", "fish", "cats"])
        assert row.outputs == {"result": "topic_1: about fish, dogs;fish;cats;"}


async def test_a_limit_of_shared_memory_is_an_error_that_names_it() -> None:
    nodes = {
        "in": {"type": "input", "config": {}},
        "keep": {"type": "shared-memory", "config": {"operation": "store", "key": "k", "value": "x" * 100}},
    }
    plan = compiled(nodes, "in -> keep", settings={"sharedMemory": {"maxValueBytes": 50}})
    async with bench() as desk:
        row = await desk.run(plan)
        assert row.status == "failed"
        assert (row.error["code"], row.error["message"]) == (
            "SHARED_MEMORY_LIMIT_EXCEEDED", "the entry 'k' would have 102 bytes; the limit is 50",
        )  # fmt: skip


async def test_a_declared_variable_keeps_its_type() -> None:
    nodes = {
        "in": {"type": "input", "config": {"inputName": "n"}},
        "set": {"type": "variable", "config": {"variableName": "count", "value": "{{n}}"}},
        "out": output("{{var.count}}"),
    }
    plan = compiled(nodes, "in -> set", "set -> out", variables={"count": {"type": "number", "default": 0}})
    async with bench() as desk:
        assert (await desk.run(plan, n=5)).outputs == {"result": 5}
        failed = await desk.run(plan, n="five")
        assert failed.error["code"] == "VARIABLE_MISMATCH"
        assert "it is declared number and would become string" in failed.error["message"]
