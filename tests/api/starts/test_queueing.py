"""Where executions wait and since when, as their rows say; and the limits that definitions declare."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.api.compilation import CompiledWorkflow
from flowray.api.context import ApiContext
from flowray.api.starts.queueing import declare_queue, declare_saved, queue_columns, queue_of
from flowray.persistence.idempotency import KEY_LIFE_MS
from flowray.persistence.records import QueueRecord
from flowray.persistence.writes.queues import ConfigureQueue
from flowray.wire import StartOptions
from tests.api.conftest import GREET
from tests.api.fake_directory import NOW_MS, FakeDirectory


async def compiled(context: ApiContext, **queue: Any) -> CompiledWorkflow:
    return await context.compiler.document({**GREET, "settings": {"queue": queue}} if queue else GREET)


@pytest.mark.parametrize(
    ("queue", "workflow_id", "name"),
    [
        ({}, None, "inline"), ({}, "w1", "workflow:w1"), ({"name": "mail"}, "w1", "mail"),
        ({"name": "mail"}, None, "mail"), ({"maxConcurrent": 2}, "w1", "workflow:w1"),
        ({"maxPerKey": 2}, None, "inline:greet"),
    ],
)  # fmt: skip
async def test_the_queue_of_a_definition(
    context: ApiContext, queue: dict[str, Any], workflow_id: str | None, name: str
) -> None:
    assert queue_of(await compiled(context, **queue), workflow_id) == name


def test_a_start_without_options_waits_from_now_on() -> None:
    assert queue_columns("q", StartOptions(), 5_000, None) == {
        "status": "queued", "queue": "q", "concurrency_key": "", "queued_at": 5_000, "queue_order": 5_000,
        "not_before": None, "expires_at": None, "idempotency_expires_at": None,
    }  # fmt: skip


def test_time_to_live_counts_from_the_end_of_the_delay_and_priority_is_an_offset_in_seconds() -> None:
    options = StartOptions(delay_ms=1_000, ttl_ms=200, priority=3, concurrency_key="t")
    assert queue_columns("q", options, 5_000, "k") == {
        "status": "delayed", "queue": "q", "concurrency_key": "t", "queued_at": 6_000, "queue_order": 3_000,
        "not_before": 6_000, "expires_at": 6_200, "idempotency_expires_at": 5_000 + KEY_LIFE_MS,
    }  # fmt: skip


def test_a_delay_of_nothing_is_none_and_a_key_lives_as_long_as_is_said() -> None:
    columns = queue_columns("q", StartOptions(delay_ms=0, idempotency_ttl_ms=7), 5_000, "k")
    assert (columns["status"], columns["not_before"], columns["idempotency_expires_at"]) == ("queued", None, 5_007)


# -- limits of definitions ----------------------------------------------------------------------------------------


def queue(directory: FakeDirectory, name: str = "workflow:w1") -> QueueRecord | None:
    return directory.store.queues.get(name)


async def test_limits_are_declared_once_as_long_as_they_stay(context: ApiContext, directory: FakeDirectory) -> None:
    two, three = await compiled(context, maxConcurrent=2), await compiled(context, maxConcurrent=3, maxPerKey=1)
    await declare_queue(context, await compiled(context), "w1")
    assert queue(directory) is None
    await declare_queue(context, two, "w1")
    assert queue(directory) == QueueRecord(name="workflow:w1", max_concurrent=2, updated_at=NOW_MS)
    directory.store.commit([ConfigureQueue(name="workflow:w1", changes={"max_concurrent": 9}, ts=1)])
    await declare_queue(context, two, "w1")
    assert queue(directory).max_concurrent == 9  # type: ignore[union-attr]
    await declare_queue(context, three, "w1")
    assert (queue(directory).max_concurrent, queue(directory).max_per_key) == (3, 1)  # type: ignore[union-attr]


async def test_a_saved_workflow_without_limits_has_none_any_more(context: ApiContext, directory: FakeDirectory) -> None:
    await declare_saved(context, await compiled(context, maxConcurrent=2), "w1")
    assert queue(directory).max_concurrent == 2  # type: ignore[union-attr]
    await declare_saved(context, await compiled(context), "w1")
    assert queue(directory).max_concurrent is None  # type: ignore[union-attr]
    await declare_saved(context, await compiled(context), "w2")
    assert queue(directory, "workflow:w2") is None
    # A shared queue is not one workflow's to free.
    await declare_saved(context, await compiled(context, name="mail", maxConcurrent=2), "w1")
    await declare_saved(context, await compiled(context, name="mail"), "w1")
    assert queue(directory, "mail").max_concurrent == 2  # type: ignore[union-attr]
