"""Starting children by hand: the row that is made, one commit for many, limits, inputs, what is told to the parent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from flowray.definition.inputs import DeclaredInput, InputContract
from flowray.engine import stimuli as st
from flowray.engine.commands import StartChild, StopChild
from flowray.engine.signals import ChildCall
from flowray.errors import ErrorCode, FlowrayError, InputError
from flowray.handlers.registry import default_registry
from flowray.persistence.journal import DirectJournal
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.writes import AnyResult, AnyWrite, InsertExecution, Refused, SaveWorkflow
from flowray.runtime.child_plans import ChildPlans
from flowray.runtime.child_starts import ChildLimits, ChildStarter, fit_inputs
from flowray.runtime.children import child_id
from flowray.values import StoredValue
from tests.runtime.harness import START_MS
from tests.runtime.workflows import definition

KID = definition({"in": {"type": "input", "config": {"inputName": "n", "required": True}}}, name="Kid")
PARENT = ExecutionRecord(
    id="e1", status="waiting", plan_hash="p", owner_id="o1", epoch=3, created_by="ann", workflow_name="Top",
    workspace_id="default",
)  # fmt: skip


class Desk:
    """A starter over a store in which PARENT is."""

    def __init__(self, limits: ChildLimits | None = None, **parent: Any) -> None:
        self.store = MemoryStore()
        self.commits: list[int] = []
        self.begun: list[str] = []
        self.told: list[tuple[str, st.AnyStimulus]] = []
        self.parent = msgspec.structs.replace(PARENT, **parent)
        self.store.commit([InsertExecution(record=self.parent, plan=b"{}")])
        self.store.commit([SaveWorkflow(id="kid", name="Kid", hash="h", definition=KID, ts=1)])
        self.starter = ChildStarter(
            DirectJournal(self), self.store, ChildPlans(self.store, default_registry(plugins=False).node_types),
            own=lambda record: msgspec.structs.replace(record, owner_id="o1", epoch=1),
            begin=lambda records: self.begun.extend(record.id for record in records),
            post=lambda execution_id, stimulus: self.told.append((execution_id, stimulus)),
            now_ms=lambda: START_MS, limits=limits,
        )  # fmt: skip

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        self.commits.append(len(writes))
        return self.store.commit(writes)

    def start(
        self, *keys: str, parent: ExecutionRecord | None = None, deadline: int | None = None, **call: Any
    ) -> None:
        made = ChildCall(**({"workflow_id": "kid", "inputs": {"n": 1}} | call))
        commands = [StartChild(key.partition("#")[0], key, made, deadline) for key in keys]
        self.starter.start([(parent or self.parent, command) for command in commands])

    def row(self, key: str) -> ExecutionRecord:
        found = self.store.execution_by_id(child_id("e1", key))
        assert found is not None
        return found

    def errors(self) -> list[str]:
        return [told.error.code for _, told in self.told if isinstance(told, st.ChildEnded) and told.error is not None]


def test_the_row_of_a_child() -> None:
    desk = Desk()
    desk.start("call#1", deadline=900)
    row = desk.row("call#1")
    assert (row.parent_id, row.parent_key, row.root_id, row.depth) == ("e1", "call#1", "e1", 1)
    assert (row.workflow_id, row.workflow_version, row.workflow_name, row.created_by) == ("kid", 1, "Kid", "ann")
    assert (row.inputs, row.deadline_at, row.status, row.trigger) == ({"n": 1}, 900, "queued", "in")
    assert (row.owner_id, row.epoch, row.created_at) == ("o1", 1, START_MS)
    assert desk.told == [("e1", st.ChildStarted(
        ts=START_MS, instance="call", key="call#1", child_id=row.id, workflow_id="kid", version=1
    ))]  # fmt: skip
    assert desk.begun == [row.id]


def test_a_grandchild_belongs_to_the_first_caller() -> None:
    desk = Desk(root_id="root", depth=4)
    desk.start("call#1")
    assert (desk.row("call#1").root_id, desk.row("call#1").depth) == ("root", 5)


def test_many_share_one_commit_and_one_that_cannot_start_does_not_spoil_it() -> None:
    desk = Desk()
    calls = [("a#1", {}), ("b#1", {"workflow_id": "nowhere"}), ("c#1", {"inputs": {}})]
    made = [ChildCall(**({"workflow_id": "kid", "inputs": {"n": 1}} | call)) for _, call in calls]
    desk.starter.start(
        [(desk.parent, StartChild(key[0], key, call)) for (key, _), call in zip(calls, made, strict=True)]
    )
    assert desk.commits == [1]
    assert desk.begun == [desk.row("a#1").id]
    assert desk.errors() == ["NOT_FOUND", "INVALID_INPUT"]
    desk.start("x#1", "y#1")
    assert desk.commits == [1, 2]


def test_r19_what_is_there_is_found_with_the_version_that_it_has() -> None:
    desk = Desk()
    desk.start("call#1")
    desk.store.commit([SaveWorkflow(id="kid", name="Kid", hash="h2", definition=KID, ts=2)])
    desk.start("call#1")
    assert desk.commits == [1]
    assert len(desk.begun) == 1
    assert [told.version for _, told in desk.told if isinstance(told, st.ChildStarted)] == [1, 1]


def test_r22_for_a_former_owner_nothing_is_started_and_nobody_is_told() -> None:
    desk = Desk()
    desk.start("call#1", parent=msgspec.structs.replace(desk.parent, epoch=2))
    assert (desk.told, desk.begun) == ([], [])
    assert desk.store.execution_by_id(child_id("e1", "call#1")) is None


@pytest.mark.parametrize(
    ("own", "parents", "kept"), [(None, None, None), (5, None, 5), (None, 6, 6), (5, 6, 5), (7, 6, 6)]
)
def test_r14_the_smaller_deadline_counts(own: int | None, parents: int | None, kept: int | None) -> None:
    desk = Desk()
    desk.start("call#1", deadline=parents, deadline_ms=own)
    assert desk.row("call#1").deadline_at == kept


def test_r19_the_guards_count_the_whole_family() -> None:
    desk = Desk(ChildLimits(max_depth=3, max_descendants=2))
    desk.start("a#1", "b#1", "c#1")
    assert desk.errors() == ["DESCENDANT_LIMIT_EXCEEDED"]
    deep = Desk(ChildLimits(max_depth=3), depth=3, parent_id="e0", root_id="e0")
    deep.start("call#1")
    (told,) = [told for _, told in deep.told if isinstance(told, st.ChildEnded)]
    assert told.error is not None
    assert (told.error.code, told.error.details) == ("CALL_DEPTH_EXCEEDED", {"limit": 3, "chain": ["Top", "kid"]})


def test_a_row_that_the_database_refuses_is_told() -> None:
    desk = Desk()
    desk.commit = lambda writes: [Refused(code="INTERNAL", detail="too odd") for _ in writes]  # type: ignore[method-assign]
    desk.start("call#1")
    assert (desk.errors(), desk.begun) == (["INTERNAL"], [])


def test_a_database_that_is_away_is_the_callers_business(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()

    def away(*_: Any) -> Any:
        raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away", retryable=True)

    monkeypatch.setattr(desk.store, "workflow", away)
    with pytest.raises(FlowrayError):
        desk.start("call#1")
    assert desk.told == []
    monkeypatch.undo()
    desk.start("call#1")
    assert len(desk.begun) == 1


def test_stopping_writes_one_row_and_names_the_child() -> None:
    desk = Desk()
    desk.start("call#1")
    stopped = [desk.starter.stop(desk.parent, StopChild("call", "call#1", "late")) for _ in range(2)]
    assert stopped == [child_id("e1", "call#1")] * 2
    assert [row.kind for row in desk.store.inbox(stopped[0])] == ["cancel"]


def test_r36_stored_inputs_are_passed_on_unread() -> None:
    contract = InputContract(
        (DeclaredInput("a", required=True), DeclaredInput("n", "number")),
        {"type": "object", "properties": {"a": {"type": "string"}, "n": {"type": "number"}}, "required": ["a", "n"]},
    )
    stored = msgspec.to_builtins(StoredValue("e1.x", 99_999))
    assert fit_inputs(contract, {"a": stored, "n": "5"}) == {"a": stored, "n": 5}
    with pytest.raises(InputError):
        fit_inputs(contract, {"n": 5})
    with pytest.raises(InputError):
        fit_inputs(contract, {"a": stored, "n": "five"})
