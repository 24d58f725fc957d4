"""One execution of a simulation, as the world knows it: what it runs, and what was asked of it. Not its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.simulation.workflows import Workflow

START_MS = 1_700_000_000_000
"""When every world begins."""


@dataclass
class Run:
    """One execution of a simulation. ``cancelled``: its cancellation was accepted. A child has a ``parent``, which gave
    it ``given`` (R19). ``part``: it is a rerun, of which these root nodes may run; it starts with ``selection``.
    """

    id: str
    workflow: Workflow
    cancelled: bool = False
    started: bool = False
    parent: str | None = None
    given: object = None
    part: set[str] | None = None
    selection: dict[str, Any] | None = None

    @property
    def deadline_at(self) -> int | None:
        """When it must be over, by the clock of the world."""
        deadline_ms = self.workflow.deadline_ms
        return None if deadline_ms is None else START_MS + deadline_ms
