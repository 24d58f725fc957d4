"""Routes of node logs: one row per attempt, and the whole output of one instance."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from flowray import wire
from flowray.api.context import ApiContext, Context
from flowray.api.http.answers import JSON, ClosingStream, json_answer
from flowray.api.http.openapi import answers
from flowray.api.http.parameters import Cursor, LongLimit, Token
from flowray.api.routes.executions import check_token
from flowray.api.views.logged_results import put_together
from flowray.api.views.rows import SHOWN_VALUE_BYTES, ValueResolver, attempt_view, page_view
from flowray.api.views.value_text import ValueText, value_text
from flowray.engine.instances import split_instance
from flowray.engine.statuses import NodeStatus
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import NodeLogRecord

router = APIRouter(prefix="/v1", tags=["executions"])

FIRST_BYTES = 1024 * 1024
"""Of an output; what is longer is streamed."""

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_PAGE = 500


@router.get(
    "/executions/{execution_id}/nodes",
    summary="List the attempts of nodes",
    responses=answers({200: wire.NodeAttemptPage}, 400, 401, 403, 404),
)
async def list_attempts(
    execution_id: str,
    context: Context,
    node_id: Annotated[str | None, Query()] = None,
    status: Annotated[NodeStatus | None, Query()] = None,
    limit: LongLimit = 100,
    cursor: Cursor = None,
    token: Token = None,
) -> Response:
    """In order of start. Outputs above 1 MiB, or beyond what a page can hold, are shown truncated."""
    check_token(context, token, execution_id)
    record = await context.execution(execution_id)
    page = await context.read(
        context.directory.reader.node_logs,
        record.id,
        node_id=node_id,
        status=status.value if status else None,
        limit=limit,
        cursor=cursor,
    )
    resolver = ValueResolver(
        record.payload_owner, context.directory.load_payload, context.options.max_answer_bytes, SHOWN_VALUE_BYTES
    )
    rows = [attempt_view(log, await resolver.resolve(log.output, envelope=True)) for log in page.data]
    return json_answer(page_view(page, rows))


@router.get(
    "/executions/{execution_id}/nodes/{instance:path}/output",
    summary="Get the whole output of a node",
    responses=answers({200: "The value as JSON.", 206: "A part of its text."}, 400, 401, 403, 404, 410),
)
async def get_output(
    execution_id: str,
    instance: str,
    context: Context,
    attempt: Annotated[int | None, Query(ge=0, description="The latest if left out.")] = None,
    token: Token = None,
    range_: Annotated[str | None, Header(alias="Range", description="One range of bytes.")] = None,
) -> Response:
    """The value itself, however large; ``Range`` gives a part of its JSON text. ``instance`` is percent-encoded."""
    check_token(context, token, execution_id)
    record = await context.execution(execution_id)
    log = await _latest_log(context, record.id, instance, attempt)
    value = await context.read(put_together, context.directory.reader.events, record.id, instance, log.output)
    return await _ranged(await value_text(value, record.payload_owner, context.directory.load_payload), range_)


async def _latest_log(context: ApiContext, execution_id: str, instance: str, attempt: int | None) -> NodeLogRecord:
    reader = context.directory.reader
    if attempt is not None:
        found = await context.read(reader.node_log, execution_id, f"{instance}#{attempt}")
    else:
        found, cursor = None, None
        while True:
            page = await context.read(
                reader.node_logs, execution_id, node_id=split_instance(instance)[1], limit=_PAGE, cursor=cursor
            )
            for log in page.data:
                if log.instance == instance and (found is None or log.attempt >= found.attempt):
                    found = log
            cursor = page.next_cursor
            if cursor is None:
                break
    if found is None or found.status != NodeStatus.COMPLETED:
        state = "has not run" if found is None else f"is {found.status}"
        raise FlowrayError(
            ErrorCode.NOT_FOUND,
            f"node instance {instance[:200]!r} {state}: it has no output",
            details={"execution_id": execution_id},
        )
    return found


async def _ranged(text: ValueText, wanted: str | None) -> Response:
    """The whole, or one range of it (RFC 9110, section 14); any other Range header is ignored, as it allows."""
    headers = {"Accept-Ranges": "bytes"}
    match = _RANGE.fullmatch(wanted.strip()) if wanted else None
    if match is None or match.groups() == ("", ""):
        return await _streamed(text, 0, text.size, 200, headers)
    if match[1]:
        start, end = int(match[1]), min(int(match[2] or text.size), text.size - 1)
    else:
        start, end = max(text.size - int(match[2]), 0), text.size - 1
    if start > end:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{text.size}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{text.size}"
    return await _streamed(text, start, end + 1, 206, headers)


async def _streamed(text: ValueText, start: int, end: int, status: int, headers: dict[str, str]) -> Response:
    """A part of a text as an answer, of which no more than one payload is in memory at a time."""
    pieces = text.pieces(start, end)
    # The first one is read before the answer begins: then what is missing can still be said in its status.
    beginning = [piece async for piece in _until(pieces, FIRST_BYTES)]
    if sum(map(len, beginning)) == end - start:
        return Response(b"".join(beginning), status, headers, media_type=JSON)
    headers["Content-Length"] = str(end - start)
    return ClosingStream(_chained(beginning, pieces), headers, JSON, status)


async def _until(pieces: AsyncGenerator[bytes, None], size: int) -> AsyncGenerator[bytes, None]:
    while size > 0 and (piece := await anext(pieces, None)) is not None:
        size -= len(piece)
        yield piece


async def _chained(beginning: list[bytes], rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    for piece in beginning:
        yield piece
    async with aclosing(rest):
        async for piece in rest:
            yield piece
