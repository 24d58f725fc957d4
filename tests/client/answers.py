"""Answers of scripted servers."""

from __future__ import annotations

import json
from typing import Any

import httpx


def sse(*frames: tuple[int, str], cut: bool = False) -> httpx.Response:
    """An event stream of these events that then ends, with ``cut`` in the middle of a frame."""
    text = "retry: 2000\n\n: heartbeat\n\n"
    for seq, kind in frames:
        data: dict[str, Any] = {"seq": seq, "ts": "2025-06-15T15:06:40.000Z", "execution_id": "e", "type": kind}
        text += f"id: {seq}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
    if cut:
        text += "id: 9\nevent: node.log\nda"
    return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})


def info() -> httpx.Response:
    """GET /v1/info."""
    return httpx.Response(200, json={"version": "1"})


def started() -> httpx.Response:
    """A start of the execution ``e``."""
    body = {"id": "e", "workflow_id": None, "status": "queued", "events_url": "/", "public_token": "t"}
    return httpx.Response(202, json=body)


def execution(status: str) -> httpx.Response:
    """The execution ``e``."""
    body: dict[str, Any] = {
        "id": "e", "workflow_id": None, "workflow_version": None, "status": status, "inputs": {}, "outputs": {"x": 1},
        "error": None, "errors": [], "progress": {}, "usage": {}, "waiting_for": [], "plan_hash": "p",
        "created_at": "2025-06-15T15:06:40.000Z", "started_at": None, "ended_at": None,
    }  # fmt: skip
    return httpx.Response(200, json=body)
