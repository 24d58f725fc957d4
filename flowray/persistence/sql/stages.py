"""Cuts a group of writes into stages whose writes can be applied kind by kind, in bulk. Pure.

Within one transaction nobody sees the order of writes that touch different things, so they may be sorted by kind: a
hundred appends become a few statements instead of some hundreds. Writes that touch the same thing keep their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flowray.engine.waitpoint_sources import is_shared
from flowray.persistence.writes import (
    AnyWrite,
    AppendEvents,
    ClaimExecutions,
    ClearMemory,
    DeleteWorkflow,
    InsertExecution,
    InsertInbox,
    PutPayload,
    RegisterOwner,
    ReleaseOwner,
    RenewLease,
    SaveWorkflow,
)
from flowray.persistence.writes.callbacks import CALLBACK_WRITES
from flowray.persistence.writes.imports import ImportExecution
from flowray.persistence.writes.knowledge import KNOWLEDGE_WRITES
from flowray.persistence.writes.limits import LIMIT_WRITES
from flowray.persistence.writes.metadata import ChangeMetadata
from flowray.persistence.writes.queues import ConfigureQueue
from flowray.persistence.writes.retention import RETENTION_WRITES
from flowray.persistence.writes.shared_children import JoinChild
from flowray.persistence.writes.spent import SPENT_WRITES
from flowray.persistence.writes.triggers import TRIGGER_WRITES, AnyTriggerWrite
from flowray.persistence.writes.waitpoints import (
    SHARED_WAITPOINTS,
    CompleteWaitpoint,
    CreateWaitpoint,
    ExpireWaitpoints,
)

ORDER: tuple[type[AnyWrite], ...] = (
    SaveWorkflow, DeleteWorkflow, ConfigureQueue, RegisterOwner, RenewLease, ReleaseOwner, PutPayload, InsertExecution,
    ImportExecution, JoinChild, AppendEvents, ChangeMetadata,
    ClearMemory, InsertInbox, CreateWaitpoint, CompleteWaitpoint, ExpireWaitpoints, *CALLBACK_WRITES, *LIMIT_WRITES,
    *KNOWLEDGE_WRITES, *TRIGGER_WRITES, *RETENTION_WRITES, *SPENT_WRITES, ClaimExecutions,
)  # fmt: skip
"""The order of kinds within a stage. ``rank`` in it decides whether a write may join a stage that touches the same."""

_RANK = {kind: rank for rank, kind in enumerate(ORDER)}

Numbered = tuple[int, AnyWrite]
"""A write and its place in the group."""

Stage = dict[type[AnyWrite], list[Numbered]]
"""Writes by kind, in ``ORDER``; within a kind in the order of the group."""


def stages(writes: Sequence[AnyWrite]) -> Iterator[Stage]:
    """In order; applying each stage kind by kind equals applying ``writes`` one after the other."""
    stage: Stage = {}
    reached: dict[str, int] = {}  # what is touched → rank of the last kind that touched it
    claims = False
    for number, write in enumerate(writes):
        rank, touched = _RANK[type(write)], _touches(write)
        if claims or any(reached.get(name, -1) > rank for name in touched):
            yield _sorted(stage)
            stage, reached = {}, {}
        stage.setdefault(type(write), []).append((number, write))
        reached.update(dict.fromkeys(touched, rank))
        claims = isinstance(write, ClaimExecutions | CompleteWaitpoint | ExpireWaitpoints)
    if stage:
        yield _sorted(stage)


def _sorted(stage: Stage) -> Stage:
    return {kind: stage[kind] for kind in ORDER if kind in stage}


def _touches(write: AnyWrite) -> tuple[str, ...]:
    match write:
        case SaveWorkflow(id=workflow_id, workspace_id=workspace_id):
            return (f"workflow {workspace_id} {workflow_id}",)
        case DeleteWorkflow(id=workflow_id, workspace_id=workspace_id):
            return (f"workflow {workspace_id} {workflow_id}", f"memory {workflow_id}", "triggers")
        case InsertExecution(record=record, parent_epoch=None):
            return (f"execution {record.id}", "queues")
        case InsertExecution(record=record):
            return (f"execution {record.id}", f"execution {record.parent_id}")
        case ConfigureQueue():
            return ("queues",)
        case InsertInbox(record=request):
            return (f"execution {request.execution_id}",)
        case AppendEvents(execution_id=execution_id, outbox=outbox, memory=memory):
            shared = () if memory is None else (f"memory {memory.workflow_id}",)
            if any(is_shared(opened.source) for opened in write.waitpoints):
                shared = (*shared, SHARED_WAITPOINTS)
            return (f"execution {execution_id}", *shared, *(f"execution {row.execution_id}" for row in outbox))
        case _ if isinstance(write, AnyTriggerWrite):
            return ("triggers", *write.touches())
        case RegisterOwner() | RenewLease() | ReleaseOwner():
            return ("owners",)
        case ClaimExecutions() | CompleteWaitpoint() | ExpireWaitpoints() | PutPayload():
            # A claim or the end of a shared waitpoint is the last of its stage and touches everything; payloads touch
            # nothing else.
            return ()
        case _:
            return write.touches()
