"""What carries node attempts out for a driver, as the driver sees it. Implementations are in process, or on Ray."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from flowray.engine import stimuli as st
from flowray.handlers.node_task import NodeTask


class Executor(Protocol):
    """Carries node attempts out. Returns at once; results come back through ``Driver.post``."""

    def run(self, tasks: Sequence[NodeTask]) -> None:
        """Dispatch attempts, in order."""
        ...

    def compute(self, task: NodeTask) -> Sequence[st.AnyStimulus] | None:
        """Carry an attempt out here and now, on the calling thread, if it only computes: what it reports, its result
        last. None: it has not begun, and is to be dispatched.
        """
        ...

    def stop(self, execution_id: str, instance: str, attempt: int, incarnation: int = 0) -> None:
        """Stop one attempt; its result no longer counts. ``incarnation``: of the dispatch, which it may overtake."""
        ...

    def obstacle(self, task: NodeTask) -> str:
        """What keeps a dispatched attempt from beginning, in words."""
        ...

    def prune(self, payload_ids: Sequence[str]) -> None:
        """Nothing that is still to run reads these stored values: caches may forget them (R36)."""
        ...

    def drop(self, execution_id: str) -> None:
        """The execution has ended: caches may forget it."""
        ...


class Limits(Protocol):
    """Keeps attempts from going until the named limits of the cluster allow them; see ``limiting``."""

    def heard(self, execution_id: str, stimulus: st.AnyStimulus) -> None:
        """An attempt reports, maybe its end."""
        ...

    def holds(self, task: NodeTask) -> bool:
        """Whether an attempt waits for its limits: it has not been dispatched yet."""
        ...

    def ask_again(self) -> None:
        """The time has come that it asked for."""
        ...
