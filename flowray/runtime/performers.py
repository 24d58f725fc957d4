"""How one attempt is performed: on the loop of its lane, or in a process of its own (``on_ray/task_broker.py``).

Which attempts there are, and whom they report to, is the lane's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from flowray.engine import stimuli as st
from flowray.handlers.attempt import run_attempt
from flowray.handlers.handler import Cancellation
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import Services


class Performer(Protocol):
    """Performs attempts, any number side by side."""

    async def perform(self, task: NodeTask, emit: Callable[[Any], None], cancellation: Cancellation) -> st.AnyStimulus:
        """Returns how it ended: succeeded, failed or lost. Soon, once cancelled. What it says goes to ``emit``."""
        ...

    async def close(self) -> None:
        """Nothing is performed any more: close what was opened for it."""
        ...


class InProcess:
    """Runs handlers on the event loop that calls."""

    def __init__(self, registry: NodeRegistry, services: Services, now_ms: Callable[[], int]) -> None:
        self._registry = registry
        self._services = services
        self._now_ms = now_ms

    async def perform(self, task: NodeTask, emit: Callable[[Any], None], cancellation: Cancellation) -> st.AnyStimulus:
        """See Performer."""
        return await run_attempt(
            task, registry=self._registry, services=self._services, emit=emit, cancellation=cancellation,
            now_ms=self._now_ms,
        )  # fmt: skip

    async def close(self) -> None:
        """The connections and processes that its handlers used."""
        await self._services.close()
