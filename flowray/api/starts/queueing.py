"""Start options about time and queues → columns of a new execution's row; limits of definitions → queues."""

from __future__ import annotations

from typing import Any

from flowray.api.compilation import CompiledWorkflow
from flowray.api.context import ApiContext
from flowray.definition.workflow import QueueSettings
from flowray.engine.statuses import ExecutionStatus
from flowray.persistence.idempotency import KEY_LIFE_MS
from flowray.persistence.queues.admission import INLINE, queue_of_workflow
from flowray.persistence.writes.queues import ConfigureQueue
from flowray.wire import StartOptions


def queue_of(compiled: CompiledWorkflow, workflow_id: str | None) -> str:
    """Where executions of a definition wait: the queue that it names, else one of its own."""
    settings = compiled.definition.settings.queue
    if settings is not None and settings.name is not None:
        return settings.name
    if workflow_id is not None:
        return queue_of_workflow(workflow_id)
    if settings is None or not settings.is_limited:
        return INLINE
    # Limits of one definition that is not kept must not hold for all such.
    return f"{INLINE}:{compiled.definition.name or compiled.plan_hash[:12]}"


def queue_columns(queue: str, options: StartOptions, now: int, key: str | None) -> dict[str, Any]:
    """The columns of an execution that is asked for at ``now`` (ms since the epoch), as far as they are about when it
    may start. The store counts delay and time to live from the insertion, by its own clock."""
    first = now + (options.delay_ms or 0)
    return {
        "status": (ExecutionStatus.DELAYED if options.delay_ms else ExecutionStatus.QUEUED).value,
        "queue": queue,
        "concurrency_key": options.concurrency_key or "",
        "queued_at": first,
        "queue_order": first - 1_000 * (options.priority or 0),
        "not_before": first if options.delay_ms else None,
        "expires_at": first + options.ttl_ms if options.ttl_ms is not None else None,
        "idempotency_expires_at": now + (options.idempotency_ttl_ms or KEY_LIFE_MS) if key is not None else None,
    }


async def declare_queue(context: ApiContext, compiled: CompiledWorkflow, workflow_id: str | None) -> None:
    """See to it that the limits of a definition hold before one of its executions is kept.

    What this process has declared last is not declared again: starts of the same definition cost nothing more.
    """
    settings = compiled.definition.settings.queue
    if settings is None or not settings.is_limited:
        return
    name = queue_of(compiled, workflow_id)
    limits = (settings.max_concurrent, settings.max_per_key)
    if context.declared_limits.get(name) != limits:
        await context.write(_declaration(context, name, settings))
        context.declared_limits[name] = limits


async def declare_saved(context: ApiContext, compiled: CompiledWorkflow, workflow_id: str) -> None:
    """After a save: a workflow that says nothing about its queue any more has no limits of its own making."""
    settings = compiled.definition.settings.queue or QueueSettings()
    name = queue_of(compiled, workflow_id)
    context.declared_limits.pop(name, None)
    own = name == queue_of_workflow(workflow_id)
    if settings.is_limited or (own and await context.read(context.directory.reader.queues.get, name) is not None):
        await context.write(_declaration(context, name, settings))


def _declaration(context: ApiContext, name: str, settings: QueueSettings) -> ConfigureQueue:
    changes = {"max_concurrent": settings.max_concurrent, "max_per_key": settings.max_per_key}
    return ConfigureQueue(name=name, changes=changes, ts=context.services.now_ms(), declared=True)
