"""Rebuild an execution's state from its recorded log: what recovery does, and what tests check."""

from __future__ import annotations

from collections.abc import Iterable

from flowray.engine.events import decode_events
from flowray.engine.folding import fold
from flowray.engine.plan_index import PlanIndex
from flowray.engine.state import ExecutionState


def replay(index: PlanIndex, commits: Iterable[bytes], state: ExecutionState | None = None) -> ExecutionState:
    """Fold the JSON arrays of all commits, in order, onto ``state`` (from a snapshot) or onto nothing.

    Derived events are in the log and are applied, never derived again (R29). Raises msgspec.ValidationError for a
    commit that this flowray cannot read.
    """
    state = ExecutionState() if state is None else state
    for commit in commits:
        fold(index, state, decode_events(commit))
    return state
