"""One turn of the engine: collects what a stimulus leads to, and folds each event the moment it is decided."""

from __future__ import annotations

from flowray.engine.commands import Command
from flowray.engine.events import AnyEvent
from flowray.engine.folding import apply
from flowray.engine.plan_index import PlanIndex
from flowray.engine.state import ExecutionState


class Turn:
    """Events and commands of one step. Deciding code calls ``emit`` and ``command`` and reads ``state``."""

    __slots__ = ("commands", "events", "index", "state", "ts")

    def __init__(self, index: PlanIndex, state: ExecutionState, ts: int) -> None:
        self.index = index
        self.state = state
        self.ts = ts
        self.events: list[AnyEvent] = []
        self.commands: list[Command] = []

    def emit(self, event: AnyEvent) -> None:
        """Decide that ``event`` has happened."""
        apply(self.index, self.state, event)
        self.events.append(event)

    def command(self, command: Command) -> None:
        """Decide that ``command`` is to be carried out once the events are committed."""
        self.commands.append(command)
