"""What a node costs, in figures that no machine and no load changes: function calls, commits, messages, bytes.

Each limit is a tenth above what was counted when it was written down. Whoever raises one says why.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest

from benchmarks.workloads import chain, fan_out
from flowray.compiler.documents import compile_document
from flowray.handlers.at_once import AtOnce
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import default_registry
from flowray.persistence.writes import AnyWrite
from tests.fakes.services import fake_services
from tests.runtime.harness import START_MS, Desk

REGISTRY = default_registry(plugins=False)


class Counted(Desk):
    """A driver with the real handlers, which counts: ``commits``, ``sent`` messages to lanes, bytes ``written``."""

    def __init__(self) -> None:
        super().__init__({})
        at_once = AtOnce(REGISTRY, fake_services(), lambda: START_MS)
        self.executor.compute = at_once.run  # type: ignore[method-assign, assignment]
        self.commits = self.sent = self.written = 0
        submit, run = self.journal.submit, self.executor.run

        def count_commit(writes: Any, then: Any) -> None:
            self.commits += 1
            self.written += sum(_size(write) for write in writes)
            submit(writes, then)

        def count_message(tasks: list[NodeTask]) -> None:
            self.sent += 1
            run(tasks)

        self.journal.submit = count_commit
        self.executor.run = count_message  # type: ignore[method-assign, assignment]

    def play(self, definition: dict[str, Any], execution_id: str) -> int:
        """Run it to its end; the function calls that this took, Python's and C's."""
        plan = compile_document(definition, REGISTRY.node_types()).plan
        assert plan is not None
        calls = 0

        def count(frame: Any, event: str, argument: Any) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            self.start(plan, execution_id, n=1)
        finally:
            sys.setprofile(before)
        assert self.row(execution_id).status == "completed"
        return calls


def _size(write: AnyWrite) -> int:
    return len(getattr(write, "events", b""))


@pytest.mark.parametrize(("shape", "most_calls", "most_bytes"), [(chain, 490, 540), (fan_out, 490, 540)])
def test_what_a_node_that_only_computes_costs(shape: Any, most_calls: int, most_bytes: int) -> None:
    """The second run counts: the first one fills the caches. The cost of a node is that of 200 less that of 100."""
    desk = Counted()
    desk.play(shape(200), "warm")
    small, large = desk.play(shape(100), "small"), desk.play(shape(200), "large")
    per_node = (large - small) / 100
    print(f"\n{shape.__name__}: {per_node:.0f} calls per node")
    assert per_node < most_calls
    assert desk.sent == 0
    desk.commits = desk.written = 0
    desk.play(shape(100), "counted")
    print(f"{shape.__name__}: {desk.commits} commits, {desk.written / 100:.0f} bytes of events per node")
    assert desk.commits == 1
    assert desk.written / 100 < most_bytes
