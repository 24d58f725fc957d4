"""Routes of the server itself: health, metrics, what it is, which node types it has, and the page of its API."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from flowray import wire
from flowray.api.context import ApiContext, Context
from flowray.api.http.answers import json_answer
from flowray.api.http.metrics import CONTENT_TYPE, Metric, prometheus_text
from flowray.api.http.openapi import answers, docs_page, stream_answer
from flowray.errors import ErrorCode, FlowrayError

router = APIRouter(tags=["system"])

PROBE_TIMEOUT_S = 2.0
"""Readiness probes usually give up after one to five seconds; an answer that names the database helps more."""


@router.get("/healthz", summary="Is the process alive?", responses=answers({200: wire.Health}))
async def healthz() -> Response:
    """Answers as long as the event loop turns."""
    return json_answer({"status": "ok"})


@router.get("/readyz", summary="Can it take work?", responses=answers({200: wire.Health}, 503))
async def readyz(context: Context) -> Response:
    """503 while the database is away."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            await context.read(context.directory.reader.now_ms)
    except TimeoutError:
        raise FlowrayError(
            ErrorCode.DATABASE_UNAVAILABLE, f"the database did not answer within {PROBE_TIMEOUT_S:g} s", retryable=True
        ) from None
    return json_answer({"status": "ready"})


@router.get("/metrics", summary="Metrics for Prometheus", responses={200: stream_answer("Metrics.", "text/plain")})
async def metrics(context: Context) -> Response:
    """Counters of this process, the backlog, and whatever the runtime adds."""
    collected = [*context.metrics.collect(), *await _backlog(context)]
    if context.services.metrics_source is not None:
        collected.extend(await context.services.metrics_source())
    return Response(prometheus_text(collected), media_type=CONTENT_TYPE)


@router.get("/v1/info", summary="What is running here", responses=answers({200: wire.Info}))
async def info(request: Request, context: Context) -> Response:
    """Version, database and durability in force, proxy mode, limits."""
    facts: dict[str, Any] = {
        "version": request.app.version,
        "database": None,
        "durability_mode": None,
        "proxy_mode": None,
        "limits": {
            "max_body_bytes": context.options.max_body_bytes,
            "max_wait_s": context.options.max_wait_s,
            "max_batch_rows": context.options.max_batch_rows,
            "max_answer_bytes": context.options.max_answer_bytes,
        },
    }
    return json_answer({**facts, **await context.directory.info(), **context.services.info})


@router.get("/v1/node-types", summary="List node types", responses=answers({200: wire.NodeTypeList}))
async def node_types(context: Context) -> Response:
    """Each with the JSON Schema of its config."""
    return json_answer({"data": context.services.registry.describe()})


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """The API on one page, without a network."""
    return HTMLResponse(docs_page(request.app.openapi()))


async def _backlog(context: ApiContext) -> list[Metric]:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            waiting = await context.read(context.directory.reader.claimable)
    except (TimeoutError, FlowrayError):
        # Metrics must stay readable while the database is away: that it is, is what they are read for.
        return [Metric("flowray_database_up", "1 if the database answers.", "gauge", samples={(): 0})]
    return [
        Metric("flowray_database_up", "1 if the database answers.", "gauge", samples={(): 1}),
        Metric("flowray_executions_unowned", "Executions that wait for an owner.", "gauge", samples={(): waiting}),
    ]
