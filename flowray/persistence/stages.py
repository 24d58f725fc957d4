"""Cuts a group of writes into stages whose writes can be applied kind by kind, in bulk. Pure.

Within one transaction nobody sees the order of writes that touch different things, so they may be sorted by kind: a
hundred appends become a few statements instead of some hundreds. Writes that touch the same thing keep their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flowray.persistence.writes import (
    AnyWrite,
    AppendEvents,
    ClaimExecutions,
    DeleteWorkflow,
    InsertExecution,
    InsertInbox,
    PutPayload,
    RegisterOwner,
    ReleaseOwner,
    RenewLease,
    SaveWorkflow,
)

ORDER: tuple[type[AnyWrite], ...] = (
    SaveWorkflow, DeleteWorkflow, RegisterOwner, RenewLease, ReleaseOwner, PutPayload, InsertExecution, AppendEvents,
    InsertInbox, ClaimExecutions,
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
        claims = isinstance(write, ClaimExecutions)
    if stage:
        yield _sorted(stage)


def _sorted(stage: Stage) -> Stage:
    return {kind: stage[kind] for kind in ORDER if kind in stage}


def _touches(write: AnyWrite) -> tuple[str, ...]:
    match write:
        case SaveWorkflow(id=workflow_id, workspace_id=workspace_id):
            return (f"workflow {workspace_id} {workflow_id}",)
        case DeleteWorkflow(id=workflow_id, workspace_id=workspace_id):
            return (f"workflow {workspace_id} {workflow_id}",)
        case InsertExecution(record=record, parent_epoch=None):
            return (f"execution {record.id}",)
        case InsertExecution(record=record):
            return (f"execution {record.id}", f"execution {record.parent_id}")
        case InsertInbox(record=request):
            return (f"execution {request.execution_id}",)
        case AppendEvents(execution_id=execution_id, outbox=outbox):
            return (f"execution {execution_id}", *(f"execution {row.execution_id}" for row in outbox))
        case RegisterOwner() | RenewLease() | ReleaseOwner():
            return ("owners",)
        case ClaimExecutions() | PutPayload():
            # A claim is the last of its stage and touches everything; payloads touch nothing else.
            return ()
