"""Tasks cross process borders as JSON and lose nothing but the type of descriptors, which loading restores."""

from __future__ import annotations

import msgspec

from flowray.handlers.node_task import NodeTask
from flowray.values import StoredValue, as_value


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
