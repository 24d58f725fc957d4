"""A driver that keeps nothing in memory for longer than a commit: what it goes on with comes from the store.

After each commit the row, the plan and the state of the execution are read anew; the state is the fold of the log and
of what has been decided since. What is under way outside (attempts, timers) goes on, so nothing else may change.
"""

from __future__ import annotations

import msgspec

from flowray.engine.events import encode_events
from flowray.engine.plan_index import PlanIndex
from flowray.engine.replay import replay
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.stores import Reader
from flowray.persistence.writes import AnyResult
from flowray.plan import plan_from_json
from flowray.runtime.driver import Driver
from flowray.runtime.live import LiveExecution

READS = 20
"""How often a reload is tried while the store fails, as one with injected faults does."""


class ForgetfulDriver(Driver):
    """A Driver whose executions forget themselves at each commit. ``reloads`` counts how often they did."""

    reloads = 0

    def _settle(self, live: LiveExecution, result: AnyResult) -> None:
        super()._settle(live, result)
        if self._live.get(live.id) is live and live.crash_reason is None:
            _reload_patiently(live, self._reader)
            ForgetfulDriver.reloads += 1


def reload(live: LiveExecution, reader: Reader) -> None:
    """Put what the store says in place of what is remembered."""
    record = reader.execution_by_id(live.id)
    plan = None if record is None else reader.plan(record.plan_hash)
    if record is None or plan is None:
        raise LookupError(f"the store has no execution {live.id}, or not its plan")
    decided = [*live.in_flight, *live.pending]
    commits = live._own_past(reader.events.read_raw(live.id))
    index = PlanIndex(plan_from_json(plan))
    state = replay(index, [*commits, *([encode_events(decided)] if decided else [])])
    state.epoch = live.epoch
    live.record = msgspec.structs.replace(record, selection=None)
    live.index, live.state = index, state


def _reload_patiently(live: LiveExecution, reader: Reader) -> None:
    for left in reversed(range(READS)):
        try:
            reload(live, reader)
        except FlowrayError as error:
            if error.code is not ErrorCode.DATABASE_UNAVAILABLE or not left:
                raise
        else:
            return
