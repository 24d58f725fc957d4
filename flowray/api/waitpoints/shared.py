"""Waitpoints that belong to no execution: created through the API, answered once, waited for by any number of others.

Those of executions are answered through inboxes (``answering``); these through a write of their own, which tells all
that wait for them in the same transaction.
"""

from __future__ import annotations

import msgspec

from flowray import wire
from flowray.api.context import ApiContext, accepted
from flowray.api.http.error_responses import BodyError
from flowray.definition.answers import prepare_answer
from flowray.engine.waitpoint_sources import token_hash
from flowray.errors import DefinitionError, ErrorCode, FlowrayError
from flowray.persistence.records import DEFAULT_WORKSPACE, WaitpointRecord
from flowray.persistence.writes import Existing
from flowray.persistence.writes.waitpoints import SHARED, Closed, CompleteWaitpoint, CreateWaitpoint, keyed_id, named_id
from flowray.runtime.crash_points import CrashPoint, reached
from flowray.runtime.identifiers import new_token
from flowray.runtime.waitpoints import DEFAULT_TIMEOUT_MS, OPEN
from flowray.values import Json, stable_hash


async def create_shared(
    context: ApiContext, body: wire.CreateWaitpointRequest, key: str | None
) -> tuple[WaitpointRecord, bool]:
    """The waitpoint, and whether this request has created it. One with the same name or key is the same one.

    Raises INVALID_REQUEST for an expected_input that is no schema, IDEMPOTENCY_MISMATCH for a key that came with
    another body, CONFLICT for a name that has other properties.
    """
    _check_schema(body)
    asked = stable_hash(body.model_dump(mode="json", exclude={"idempotency_key"}))
    record = _record(context, body, key, asked)
    result = await context.write(CreateWaitpoint(record=record))
    kept = await context.read(context.directory.reader.waitpoint, record.id)
    assert kept is not None
    if isinstance(result, Existing) and result.request_hash != asked:
        raise _differs(body, key)
    # A repeat of a create whose acknowledgement was lost finds its own token there.
    return kept, not isinstance(result, Existing) or kept.token == record.token


def _record(context: ApiContext, body: wire.CreateWaitpointRequest, key: str | None, asked: str) -> WaitpointRecord:
    now, token = context.services.now_ms(), new_token()
    its_id = f"wp:{context.services.new_id()}"
    if body.name is not None:
        its_id = named_id(DEFAULT_WORKSPACE, body.name)
    elif key is not None:
        its_id = keyed_id(DEFAULT_WORKSPACE, key)
    return WaitpointRecord(
        id=its_id, execution_id=None, kind=SHARED, status=OPEN, name=body.name, token=token,
        token_hash=token_hash(token), reason=body.reason, prompt=body.prompt, expected_input=body.expected_input,
        tags=tuple(body.tags), created_at=now, expires_at=now + (body.timeout_ms or DEFAULT_TIMEOUT_MS),
        request_hash=asked,
    )  # fmt: skip


def _check_schema(body: wire.CreateWaitpointRequest) -> None:
    """With a schema that is none, no answer would ever fit."""
    if body.expected_input is None:
        return
    try:
        prepare_answer(body.expected_input, None)
    except DefinitionError as error:
        raise BodyError(
            ErrorCode.INVALID_REQUEST,
            f"expected_input is no JSON Schema: {error.message}",
            details={"errors": [{"pointer": "/expected_input", "message": error.message}]},
        ) from error
    except FlowrayError:
        pass  # Null does not fit it: nobody has answered yet.


def _differs(body: wire.CreateWaitpointRequest, key: str | None) -> FlowrayError:
    if body.name is not None:
        return FlowrayError(
            ErrorCode.CONFLICT,
            f"there is a waitpoint {body.name!r} with other properties",
            hint="names are for ever: choose another one",
        )
    return FlowrayError(
        ErrorCode.IDEMPOTENCY_MISMATCH,
        f"the idempotency key {key!r} was used with another request",
        hint="use a new key for a new request; repeat a request with an unchanged body",
    )


async def complete_shared(
    context: ApiContext, shared: WaitpointRecord, data: Json, by: str | None, origin: dict[str, str]
) -> WaitpointRecord:
    """Keep an answer that fits; returns the waitpoint as it is then, with the first answer, whosever that is.

    ``completed_from`` of what is returned tells with its ``id`` whether it was this one. Those that wait for it are
    told in the same transaction; here only their owners are woken.
    """
    completion_id = context.services.new_id()
    write = CompleteWaitpoint(
        id=shared.id, completion_id=completion_id, data=data, by=by, origin=origin, workspace_id=shared.workspace_id
    )
    result = accepted(await context.write(write))
    assert isinstance(result, Closed)
    if result.released:
        reached(CrashPoint.FANOUT_DURABLE)
        await context.directory.wake(result.released)
    mine = {} if result.already else {"id": completion_id}
    return msgspec.structs.replace(shared, status=result.status, data=result.data, completed_from=mine)
