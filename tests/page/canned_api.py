"""A small API with canned executions, for tests of the page: what streams is said by the test, step by step."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from flowray.api.context import PAGE_DIR
from flowray.drawing.view import layout_view
from flowray.plan import ExecutionPlan

T0 = "2026-01-31T12:00:00.000Z"


class CannedApi:
    """One execution ``e1`` of ``plan``. ``say`` appends events; ``drop`` cuts the open streams without an end."""

    def __init__(self, plan: ExecutionPlan) -> None:
        self.plan = plan
        self.events: list[dict[str, Any]] = []
        self.attempts: list[dict[str, Any]] = []
        self.others: list[dict[str, Any]] = []
        self.execution = _execution("e1", "queued", plan.name)
        self.cursors: list[str | None] = []
        self.cancelled: list[dict[str, Any]] = []
        self.tokens: set[str | None] = set()
        self._generation = 0
        self._lock = threading.Lock()
        execution = "/v1/executions/{id}"
        self.app = Starlette(
            routes=[
                Route("/v1/info", self._info),
                Route("/v1/executions", self._list),
                Route(execution, self._get),
                Route(f"{execution}/plan", self._plan),
                Route(f"{execution}/nodes", self._nodes),
                Route(f"{execution}/events", self._events),
                Route(f"{execution}/cancel", self._cancel, methods=["POST"]),
                Mount("/", StaticFiles(directory=PAGE_DIR, html=True)),
            ]
        )

    def say(self, kind: str, **fields: Any) -> None:
        """Append an event; ``node`` is short for node_id and instance."""
        node = fields.pop("node", None)
        named = {"node_id": node, "instance": fields.pop("instance", node)} if node else {}
        with self._lock:
            seq = len(self.events) + 1
            event = {"seq": seq, "ts": f"2026-01-31T12:00:{seq % 60:02}.000Z", "execution_id": "e1", "type": kind}
            self.events.append({**event, **named, **fields})

    def run_node(self, node: str, **completed: Any) -> None:
        """A node from start to completion."""
        self.say("node.ready", node=node)
        self.say("node.started", node=node, attempt=1, node_type="step", tries=0)
        self.say("node.completed", node=node, attempt=1, **completed)

    def drop(self) -> None:
        """Cut all open streams."""
        self._generation += 1

    async def _info(self, request: Request) -> Response:
        return JSONResponse({"version": "0.1.0", "database": "memory", "durability_mode": None})

    async def _list(self, request: Request) -> Response:
        wanted = request.query_params.get("status")
        found = [one for one in [self.execution, *self.others] if wanted in (None, one["status"])]
        return JSONResponse({"data": found, "next_cursor": None, "has_more": False})

    async def _get(self, request: Request) -> Response:
        self.tokens.add(request.query_params.get("token"))
        if request.path_params["id"] != "e1":
            problem = {"title": "Not found", "status": 404, "detail": "there is no execution", "code": "NOT_FOUND"}
            return JSONResponse(problem, 404)
        return JSONResponse(self.execution)

    async def _plan(self, request: Request) -> Response:
        assert request.query_params["layout"] == "true"
        return JSONResponse({"name": self.plan.name, "layout": layout_view(self.plan)})

    async def _nodes(self, request: Request) -> Response:
        found = [row for row in self.attempts if row["node_id"] == request.query_params["node_id"]]
        return JSONResponse({"data": found, "next_cursor": None, "has_more": False})

    async def _cancel(self, request: Request) -> Response:
        self.cancelled.append(await request.json())
        return JSONResponse(self.execution, 202)

    async def _events(self, request: Request) -> Response:
        if request.path_params["id"] != "e1":
            return await self._get(request)
        cursor = request.headers.get("last-event-id")
        self.cursors.append(cursor)
        self.tokens.add(request.query_params.get("token"))
        return StreamingResponse(self._frames(int(cursor or 0)), media_type="text/event-stream")

    async def _frames(self, after: int) -> AsyncIterator[str]:
        generation = self._generation
        yield "retry: 2000\n\n: heartbeat\n\n"
        while generation == self._generation:
            for event in self.events[after:]:
                yield f"id: {event['seq']}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n"
                after = event["seq"]
                if event["type"] in ("execution.completed", "execution.failed", "execution.cancelled"):
                    return
            await anyio.sleep(0.02)


def attempt_row(node: str, status: str, **fields: Any) -> dict[str, Any]:
    """One row of node logs."""
    row = {
        "id": f"{node}#1", "node_id": node, "instance": node, "type": "llm", "name": "", "status": status,
        "success": status == "completed", "attempt": 1, "started_at": T0, "ended_at": T0, "duration_ms": 412,
        "input": None, "output": None, "error": None, "usage": None, "stream_id": None, "lane": "io",
    }  # fmt: skip
    return {**row, **fields}


def _execution(its_id: str, status: str, name: str) -> dict[str, Any]:
    return {
        "id": its_id, "workflow_id": None, "workflow_version": None, "workflow_name": name, "status": status,
        "inputs": {"order": 7}, "outputs": None, "error": None, "errors": [], "progress": {"total": 4, "completed": 1},
        "usage": {}, "waiting_for": [], "created_at": T0, "started_at": T0, "ended_at": None, "last_seq": 0,
    }  # fmt: skip
