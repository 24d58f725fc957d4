"""The route that changes an execution's metadata by operations, so that concurrent changes are not lost."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.context import Context, accepted
from flowray.api.http.answers import json_answer
from flowray.api.http.bodies import read_model
from flowray.api.http.openapi import answers, body_of
from flowray.api.http.parameters import IdempotencyKey
from flowray.persistence.writes.metadata import ChangeMetadata, MetadataChanged, MetadataOperation

router = APIRouter(prefix="/v1", tags=["executions"])


@router.patch(
    "/executions/{execution_id}/metadata",
    summary="Change the metadata of an execution",
    responses=answers({200: wire.Metadata}, 400, 404, 409, 413, 422, 503),
    openapi_extra=body_of(wire.MetadataRequest),
)
async def change_metadata(
    execution_id: str, request: Request, context: Context, idempotency_key: IdempotencyKey = None
) -> Response:
    """set, delete, append (to a list), increment (a number) and merge (an object), in order, all or none. 409 for one
    that does not fit what is there, 413 above 256 KiB in all. With a key, a repeat changes nothing. Also once it has
    ended."""
    body = await read_model(request, wire.MetadataRequest)
    await context.execution(execution_id)
    write = ChangeMetadata(
        id=f"key:{idempotency_key}" if idempotency_key else context.services.new_id(),
        execution_id=execution_id,
        operations=tuple(
            MetadataOperation(op=change.op, key=change.key, value=change.value) for change in body.operations
        ),
    )
    result = accepted(await context.write(write))
    assert isinstance(result, MetadataChanged)
    return json_answer({"metadata": result.metadata})
