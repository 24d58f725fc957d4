"""Rows as the contract shows them: the same fields as the models of the wire."""

from __future__ import annotations

import pytest

from flowray import wire
from flowray.api.views.rows import (
    ValueResolver,
    attempt_view,
    error_view,
    execution_view,
    page_view,
    started_view,
    workflow_view,
)
from flowray.persistence.records import ExecutionRecord, NodeLogRecord, Page, WorkflowRecord
from flowray.values import describe, encode_json, to_wire


def test_views_have_exactly_the_fields_of_the_wire() -> None:
    execution = execution_view(ExecutionRecord(id="e", status="queued", plan_hash="p"), None)
    log = NodeLogRecord(
        execution_id="e", id="a#1", node_id="a", instance="a", type="t", name="", status="ready", attempt=1
    )
    workflow = workflow_view(WorkflowRecord(id="w", name="n", version=1, hash="h", definition={}))
    assert set(execution) == set(wire.Execution.model_fields)
    assert set(attempt_view(log, None)) == set(wire.NodeAttempt.model_fields)
    assert set(workflow) == set(wire.Workflow.model_fields)
    assert set(started_view("e", None, "queued", "t")) == set(wire.ExecutionStarted.model_fields)
    assert set(page_view(Page(data=()), [])) == set(wire.ExecutionPage.model_fields)
    wire.Execution.model_validate(execution)
    wire.NodeAttempt.model_validate(attempt_view(log, None))


def test_an_error_has_all_fields_whatever_the_row_leaves_out() -> None:
    assert error_view(None) is None
    assert error_view({"message": "m", "code": "C"}) == {
        "message": "m", "code": "C", "node_id": None, "attempt": None, "details": {},
    }  # fmt: skip


class TestResolver:
    def stored(self, value: object, owner: str = "e1", key: str = "a") -> dict[str, object]:
        found: dict[str, object] = to_wire(describe(f"{owner}.{key}", value, encode_json(value)))
        return found

    @staticmethod
    async def load(payload_id: str) -> bytes:
        return encode_json(f"payload of {payload_id}")

    async def test_values_and_members_are_resolved_and_nothing_deeper(self) -> None:
        resolver = ValueResolver("e1", self.load, 1_000)
        assert await resolver.resolve(self.stored("x")) == "payload of e1.a"
        deep = {"m": [self.stored("x")]}
        assert await resolver.resolve({"a": self.stored("x"), **deep}) == {"a": "payload of e1.a", **deep}
        assert await resolver.resolve([1, self.stored("x"), None]) == [1, "payload of e1.a", None]

    @pytest.mark.parametrize("owner", ["e2", "e11", ""])
    async def test_payloads_of_others_stay_where_they_are(self, owner: str) -> None:
        foreign = self.stored("x", owner)
        assert await ValueResolver("e1", self.load, 1_000).resolve(foreign) == foreign

    async def test_the_budget_is_for_the_whole_answer(self) -> None:
        first, second = self.stored("x" * 10), self.stored("y" * 10, key="b")
        shown = await ValueResolver("e1", self.load, 20).resolve({"first": first, "second": second})
        assert shown == {"first": "payload of e1.a", "second": second}

    async def test_what_is_too_large_shows_as_an_envelope_where_that_is_wanted(self) -> None:
        shown = await ValueResolver("e1", self.load, 1_000, each_bytes=5).resolve(self.stored("xxxxx"), envelope=True)
        assert shown == {"__truncated": True, "__originalSize": 7, "__preview": '"xxxxx"'}
