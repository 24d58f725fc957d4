"""What a client asked for and was promised: one execution whose start was acknowledged, and how to start more."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flowray import wire
from flowray.client import Client
from flowray.errors import ErrorCode, FlowrayError

T = TypeVar("T")

PATIENCE_S = 900.0
"""A client that must have its word in, or its execution never ends, tries for so long."""


@dataclass
class Asked:
    """One execution whose start was acknowledged, and what else its client was told.

    ``may_end``: the statuses that it may end with. ``answers``: acknowledged completions by waitpoint id. ``seen``:
    events that a stream brought, by seq. ``together``: all that were started with it, itself among them. ``broken``:
    promises of which the client itself has seen that they do not hold.
    """

    id: str
    kind: str
    prefix: str
    may_end: set[str]
    outputs: dict[str, Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    seen: dict[int, dict[str, Any]] = field(default_factory=dict)
    together: list[Asked] = field(default_factory=list, repr=False)
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Start:
    """What is to be started. ``key`` is its idempotency key."""

    definition: dict[str, Any]
    options: dict[str, Any]
    key: str

    def send(self, client: Client, number: int = 0) -> wire.ExecutionStarted:
        """Start it; another ``number`` is another execution of the same."""
        return client.executions.start(
            definition=self.definition, inputs={}, options=self.options, idempotency_key=f"{self.key}-{number}"
        )


Behave = Callable[[Client, Asked, random.Random], None]
"""What a client does after the start; may be cut short by errors."""


def insist(act: Callable[[], T]) -> T:
    """Do it, again after each passing failure: what nobody else will do must be done. The last error is raised."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except FlowrayError as error:
            passing = error.retryable or error.code is ErrorCode.RUNTIME_UNAVAILABLE
            if not passing or time.monotonic() >= deadline:
                raise
            time.sleep(0.5)


def as_seen(event: wire.EventBody) -> dict[str, Any]:
    """An event as clients see it: the same for streams and pages."""
    return event.model_dump(mode="json", exclude_unset=True)
