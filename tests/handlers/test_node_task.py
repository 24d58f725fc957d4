"""Tasks cross process borders as JSON and lose nothing but the type of descriptors, which loading restores."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flowray.handlers.node_task import NodeTask
from flowray.values import StoredValue, as_value, to_wire

STORED = StoredValue(payload_id="p", bytes=9)


def test_a_task_survives_encoding() -> None:
    stored = StoredValue(payload_id="p", bytes=9)
    task = NodeTask(
        execution_id="e", instance="L[0]/n", node_id="n", node_type="http", outputs={"a": stored}, known=("a", "b"),
        loop={"index": 0}, timeout_ms=5,
    )  # fmt: skip
    again = msgspec.json.decode(msgspec.json.encode(task), type=NodeTask)
    assert as_value(again.outputs["a"]) == stored
    assert again.known == ("a", "b")
    assert (again.loop, again.timeout_ms, again.attempt, again.parallel) == ({"index": 0}, 5, 1, None)
    assert len(msgspec.json.encode(NodeTask(execution_id="e", instance="n", node_id="n", node_type="t"))) < 100


@pytest.mark.parametrize(
    ("fields", "reads"),
    [
        ({}, False),
        ({"outputs": {"a": STORED}}, True),
        ({"outputs": {"a": 1}, "inputs": {"a": to_wire(STORED)}}, False),
        ({"payload_owner": "root", "inputs": {"a": to_wire(STORED)}}, True),
        ({"payload_owner": "root", "inputs": {"a": 1}}, False),
    ],
)
def test_r36_what_must_be_read_before_it_runs(fields: dict[str, Any], reads: bool) -> None:
    """Inputs are large only where a parent has handed them on; elsewhere they may imitate what they like."""
    task = NodeTask(execution_id="e", instance="n", node_id="n", node_type="x", **fields)
    assert task.reads_stored_values is reads
    assert task.values_of == fields.get("payload_owner", "e")
