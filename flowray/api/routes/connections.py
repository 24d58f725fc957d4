"""Routes of connections: accounts at other services, whose secrets go in and never come out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.connections import change, found, make, try_out
from flowray.api.context import Context
from flowray.api.http.answers import json_answer
from flowray.api.http.bodies import read_model
from flowray.api.http.openapi import answers, body_of
from flowray.api.views.rows import time_or_none
from flowray.eventlog.sse import iso_time
from flowray.persistence.connections.records import ConnectionRecord
from flowray.persistence.writes.connections import DeleteConnection

router = APIRouter(prefix="/v1", tags=["connections"])

Name = Annotated[str, Path(min_length=1, max_length=100, description="As nodes name it.")]


@router.get("/connections", summary="List connections", responses=answers({200: wire.ConnectionList}))
async def list_connections(context: Context) -> Response:
    """By name, without their secrets."""
    records = await context.read(context.directory.reader.connections.all)
    return json_answer({"data": [connection_view(record) for record in records]})


@router.post(
    "/connections",
    summary="Make a connection",
    status_code=201,
    responses=answers({201: wire.Connection}, 400, 409, 422, 503),
    openapi_extra=body_of(wire.ConnectionRequest),
)
async def make_connection(request: Request, context: Context) -> Response:
    """Nodes use it by its name from then on. Its secrets are encrypted before they are written."""
    record = await make(context, await read_model(request, wire.ConnectionRequest))
    return json_answer(connection_view(record), 201)


@router.get("/connections/{name}", summary="Get a connection", responses=answers({200: wire.Connection}, 404))
async def get_connection(name: Name, context: Context) -> Response:
    """Without its secrets, of which the names are told."""
    return json_answer(connection_view(await found(context, name)))


@router.patch(
    "/connections/{name}",
    summary="Change a connection",
    responses=answers({200: wire.Connection}, 400, 404, 409, 422, 503),
    openapi_extra=body_of(wire.ConnectionChange),
)
async def change_connection(name: Name, request: Request, context: Context) -> Response:
    """What is left out stays. Nodes that start a second later use what holds then."""
    return json_answer(connection_view(await change(context, name, await read_model(request, wire.ConnectionChange))))


@router.delete(
    "/connections/{name}",
    summary="Delete a connection",
    status_code=204,
    responses=answers({204: "Deleted."}, 404, 503),
)
async def delete_connection(name: Name, context: Context) -> Response:
    """Nodes that name it fail from then on."""
    await found(context, name)
    await context.remove(DeleteConnection(name=name))
    return Response(status_code=204)


@router.post(
    "/connections/{name}/test", summary="Try a connection", responses=answers({200: wire.ConnectionTest}, 404, 503)
)
async def try_connection(name: Name, context: Context) -> Response:
    """Opens its secrets, gets a token if it needs one, and calls an operation of its provider that changes nothing, if
    there is one. A failure is an answer, with its code."""
    return json_answer(await try_out(context, name))


def connection_view(record: ConnectionRecord) -> dict[str, Any]:
    """``wire.Connection``."""
    return {
        "name": record.name,
        "kind": record.kind,
        "provider": record.provider,
        "fields": record.fields,
        "secret_names": record.secret_names,
        "version": record.version,
        "expires_at": time_or_none(record.expires_at),
        "created_at": iso_time(record.created_at),
        "updated_at": iso_time(record.updated_at),
    }
