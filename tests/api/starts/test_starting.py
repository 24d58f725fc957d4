"""Rows of new executions, and what becomes of starts that do not simply succeed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flowray.api.context import ApiContext
from flowray.api.starts.callback_options import CALLBACK_OPTIONS
from flowray.api.starts.points import PART_OPTIONS
from flowray.api.starts.starting import (
    WorkflowSource,
    check_options,
    fit_inputs,
    idempotency_key,
    make_record,
    start_executions,
)
from flowray.errors import ErrorCode, FlowrayError, InputError
from flowray.persistence.writes import Refused
from flowray.wire import StartOptions
from tests.api.conftest import GREET
from tests.api.fake_directory import NOW_MS, FakeDirectory


@pytest.fixture
async def source(context: ApiContext) -> WorkflowSource:
    return WorkflowSource(await context.compiler.document(GREET))


def test_every_option_is_carried_out() -> None:
    """R51."""
    carried_out = {"idempotency_key", "trigger", "labels", "metadata", "version", "deadline"}
    carried_out |= {"idempotency_ttl_ms", "priority", "delay_ms", "ttl_ms", "concurrency_key", "max_tokens", "max_cost"}
    assert carried_out | set(PART_OPTIONS) | CALLBACK_OPTIONS == set(StartOptions.model_fields)


def test_a_version_needs_a_workflow() -> None:
    with pytest.raises(FlowrayError) as caught:
        check_options(StartOptions(version=1), None)
    assert caught.value.code is ErrorCode.INVALID_REQUEST


def test_the_header_wins_over_the_option() -> None:
    assert idempotency_key("header", StartOptions(idempotency_key="option")) == "header"
    assert idempotency_key(None, StartOptions(idempotency_key="option")) == "option"
    assert idempotency_key(None, StartOptions()) is None


def test_a_record_carries_what_was_asked(context: ApiContext, source: WorkflowSource) -> None:
    options = StartOptions(labels={"a": "b"}, metadata={"m": 1}, trigger="in", idempotency_key="k")
    record = make_record(context, source, {"name": "Ada"}, options, key="k", body_hash="h", batch=("b1", 7))
    assert (record.status, record.created_at, record.updated_at) == ("queued", NOW_MS, NOW_MS)
    assert (record.labels, record.metadata, record.options) == (
        {"a": "b"},
        {"m": 1},
        {"trigger": "in", "batch_index": 7},
    )
    assert (record.batch_id, record.idempotency_key, record.request_hash) == ("b1", "k", "h")
    assert (record.plan_hash, record.owner_id, record.epoch) == (source.compiled.plan_hash, None, 0)
    assert make_record(context, source, {}, StartOptions(), body_hash="h").request_hash is None


def test_pointers_lead_into_the_body(source: WorkflowSource) -> None:
    with pytest.raises(InputError) as caught:
        fit_inputs(source, {}, ("inputs", 3))
    assert [item["pointer"] for item in caught.value.details["errors"]] == ["/inputs/3/name"]


async def test_a_refusal_is_raised_under_its_own_code(
    context: ApiContext, directory: FakeDirectory, source: WorkflowSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(records: Any, plan: bytes) -> list[Any]:
        return [Refused(code="CONFLICT", detail="no")]

    monkeypatch.setattr(directory, "start", refuse)
    with pytest.raises(FlowrayError) as caught:
        await start_executions(context, [make_record(context, source, {}, StartOptions())], b"{}")
    assert (caught.value.code, caught.value.message) == (ErrorCode.CONFLICT, "no")


async def test_a_client_that_leaves_does_not_stop_a_start(
    context: ApiContext, directory: FakeDirectory, source: WorkflowSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R42, R56."""
    begun, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()
    start = directory.start

    async def slow(records: Any, plan: bytes) -> list[Any]:
        begun.set()
        await go_on.wait()
        results = await start(records, plan)
        done.set()
        return results

    monkeypatch.setattr(directory, "start", slow)
    record = make_record(context, source, {"name": "Ada"}, StartOptions())
    request = asyncio.create_task(start_executions(context, [record], source.compiled.plan_bytes))
    await begun.wait()
    request.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await request
    await done.wait()
    assert directory.store.execution(record.id) is not None
