"""Rows of waitpoints, and how they are closed (R30)."""

from __future__ import annotations

from typing import Any

from flowray.persistence.records.base import DEFAULT_WORKSPACE, Record
from flowray.values import Json


class WaitpointRecord(Record, frozen=True):
    """A place where an execution waits for an answer, found by its ``token`` (R30).

    ``status``: open, completed, timed_out or cancelled. ``token_hash`` is its SHA-256 in hex: look-ups by hash tell
    nothing about tokens by their timing. ``expected_input`` is a JSON Schema of ``data``. A shared one has no
    ``execution_id``: it stands for itself, perhaps with a ``name``, and any number of others wait for it. ``source``
    is what else than its own token answers this one: a shared waitpoint or an event, which ``filter`` must fit
    (``engine.waitpoint_sources``). ``completed_from``: from where the answer came, ``{via, address}``.
    """

    id: str
    execution_id: str | None
    kind: str
    status: str
    created_at: int
    instance: str = ""
    node_id: str = ""
    token: str = ""
    token_hash: str = ""
    reason: str | None = None
    prompt: Json = None
    expected_input: dict[str, Any] | None = None
    expires_at: int | None = None
    completed_at: int | None = None
    completed_by: str | None = None
    completed_from: dict[str, Any] | None = None
    data: Json = None
    name: str | None = None
    source: str | None = None
    filter: dict[str, Any] | None = None
    tags: tuple[str, ...] = ()
    request_hash: str | None = None
    workspace_id: str = DEFAULT_WORKSPACE


class WaitpointClosing(Record, frozen=True):
    """How a waitpoint ended: ``completed`` with ``data``, ``timed_out`` or ``cancelled``."""

    id: str
    status: str
    data: Json = None
    by: str | None = None
