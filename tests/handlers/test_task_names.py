"""Names of a task: aliases, input nodes, loops, loading of payloads."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.node_task import NodeTask
from flowray.handlers.task_names import load_names
from flowray.handlers.value_loader import READ_LIMIT_BYTES
from flowray.values import StoredValue, encode_json
from tests.fakes.services import MemoryPayloads, fake_services
from tests.handlers.running import output


def task(**fields: object) -> NodeTask:
    return NodeTask(execution_id="e", instance="n", node_id="n", node_type="t", **fields)  # type: ignore[arg-type]


async def test_an_alias_reads_its_nodes_output_or_one_key_of_it() -> None:
    given = task(
        outputs={"llm": {"text": "hi"}, "input-1": {"task": "write"}},
        aliases={"answer": "llm", "job": "input-1", "gone": "skipped", "other": "input-1"},
        alias_keys={"job": "task", "other": "absent"},
    )
    names = await load_names(given, fake_services(), 5)
    assert names.aliases == {"answer": {"text": "hi"}, "job": "write"}
    assert names.now_ms == 5


async def test_an_input_is_read_by_name_by_node_and_by_alias() -> None:
    config = {"operation": "template", "template": "{{task}}|{{input-1.task}}|{{job}}"}
    seen = await output(
        "transform", config, inputs={"task": "write"}, outputs={"input-1": {"task": "write"}},
        aliases={"job": "input-1"}, alias_keys={"job": "task"},
    )  # fmt: skip
    assert seen == "write|write|write"


async def test_items_are_bound_to_the_names_that_the_author_gave_them() -> None:
    bound = {"row": 1, "i": 0}
    names = await load_names(task(bound=bound), fake_services(), 0)
    assert names.bound == bound
    config = {"operation": "template", "template": "{{row}}/{{i}}"}
    assert await output("transform", config, bound=bound) == "1/0"


async def test_a_task_that_reads_more_than_a_process_bears_fails_before_it_loads_anything() -> None:
    """10,000 outputs of 100 KB would be a gigabyte, in a lane that other executions share."""
    payloads = MemoryPayloads()
    results = {f"n{number}": StoredValue(payload_id=f"e.{number}", bytes=100_000) for number in range(10_000)}
    given = task(outputs=results)
    with pytest.raises(
        FlowrayError, match="reads 10000 stored values of together 1000000000 bytes; the limit is"
    ) as no:
        await load_names(given, fake_services(payloads=payloads), 0)
    assert (no.value.code, payloads.loads) == (ErrorCode.CONTEXT_LIMIT_EXCEEDED, [])
    assert no.value.details == {"values": 10_000, "bytes": 1_000_000_000, "limit": READ_LIMIT_BYTES}


async def test_payloads_are_loaded_once_wherever_they_stand() -> None:
    payloads = MemoryPayloads()
    payload_id = await payloads.store("e", "k", encode_json([1, 2]))
    stored = StoredValue(payload_id=payload_id, bytes=5)
    given = task(
        inputs={"a": stored},
        outputs={"b": stored},
        loop={"item": stored, "index": 0},
        containers={"L": {"item": stored}},
    )
    names = await load_names(given, fake_services(payloads=payloads), 0)
    assert names.inputs == {"a": [1, 2]}
    assert names.loop == {"item": [1, 2], "index": 0}
    assert names.containers == {"L": {"item": [1, 2]}}
    assert payloads.loads == [payload_id]


async def test_a_value_that_imitates_another_executions_descriptor_stays_plain_json() -> None:
    """No workflow reads another's payloads by writing ``$flowray`` into its data."""
    payloads = MemoryPayloads()
    foreign = await payloads.store("other", "k", encode_json("secret"))
    imitation = {"$flowray": "stored", "payload_id": foreign, "bytes": 8}
    names = await load_names(task(inputs={"a": imitation}), fake_services(payloads=payloads), 0)
    assert names.inputs == {"a": imitation}
    assert payloads.loads == []
