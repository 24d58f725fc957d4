"""Answers about the server itself, and problems (RFC 9457)."""

from __future__ import annotations

from typing import Any, Literal

from flowray.wire.base import Answer


class NodeTypeBody(Answer):
    """A node type with the JSON Schema of its config."""

    name: str
    aliases: list[str] = []
    category: str
    summary: str
    lane: str
    effects: str
    config_schema: dict[str, Any]


class NodeTypeList(Answer):
    """All node types."""

    data: list[NodeTypeBody]


class Info(Answer):
    """What is running here."""

    version: str
    database: Any = None
    durability_mode: Any = None
    proxy_mode: Any = None


class Health(Answer):
    """Answer of the health checks."""

    status: Literal["ok", "ready"]


class ProblemItem(Answer):
    """One of several findings behind a problem."""

    message: str
    pointer: str = ""
    code: str | None = None
    node_id: str | None = None
    hint: str | None = None


class Problem(Answer):
    """RFC 9457. ``code`` is stable; ``problem_instance`` names this occurrence, also in the server's log."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ProblemItem] = []
    hint: str | None = None
    execution_id: str | None = None
    node_id: str | None = None
    problem_instance: str | None = None
