"""How each root node of a recorded execution ended, in a form in which another execution can take it over.

Reads a log; what is taken over is decided by ``start_planning``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from flowray.engine import events as ev
from flowray.engine.folding import apply, error_output
from flowray.engine.instances import split_instance
from flowray.engine.plan_index import ERROR_HANDLE, GOTO_HANDLE, PlanIndex
from flowray.engine.scope_variables import visible_variables
from flowray.engine.signals import VariableOperation
from flowray.engine.start_points import Outcome
from flowray.engine.state import ExecutionState, work_done
from flowray.values import StoredValue, Value, as_value, to_wire

_CHANGING = (ev.NodeCompleted, ev.NodeReused, ev.NodeFailed, ev.NodeCancelled, ev.NodeStepped, ev.NodeAnswered)


@dataclass
class PastRun:
    """A recorded execution. ``outcomes`` of root nodes, in the order in which they ended.

    ``skipped``: nodes that had their turn and were not to run. ``failed``: nodes whose failure nothing handled. What is
    in none of them was never decided: the execution stopped before.
    """

    index: PlanIndex
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    def is_decided(self, node_id: str) -> bool:
        """Whether the node's end is known."""
        return node_id in self.outcomes or node_id in self.skipped or node_id in self.failed


def read_run(index: PlanIndex, commits: Iterable[bytes], wanted: Collection[str] = frozenset()) -> PastRun:
    """Fold a log (the JSON arrays of its commits) and note how its root nodes ended. Costs as much as a recovery.

    ``wanted``: containers whose results are read where they are taken over to. If nobody read them here, and they are
    only in the log, they are put together: their outputs are manifests without chunks.
    Raises msgspec.ValidationError for a commit that this flowray cannot read.
    """
    reading = _Reading(index, frozenset(wanted) - index.wanted_results)
    for commit in commits:
        for event in ev.decode_events(commit):
            reading.note(event)
            apply(index, reading.state, event)
        work_done(reading.state)
    return reading.past


class _Reading:
    """A log on its way: looks at each event before it is folded, while what it ends is still there."""

    def __init__(self, index: PlanIndex, wanted: frozenset[str]) -> None:
        self.index = index
        self.wanted = wanted
        self.results: dict[str, dict[int, Value]] = {}
        self.state = ExecutionState()
        self.past = PastRun(index)
        self.changes: dict[str, list[VariableOperation]] = {}

    def note(self, event: ev.AnyEvent) -> None:
        """Collect what happens to variables anywhere; keep the end of a root node."""
        if isinstance(event, _CHANGING):
            self._note_changes(event)
        if not isinstance(event, ev.NodeEvent) or "/" in event.instance:
            return
        match event:
            case ev.ScopeCompleted() if event.node_id in self.wanted:
                self.results.setdefault(event.node_id, {})[event.index] = event.result
            case ev.NodeCompleted():
                output = self._put_together(event.node_id, event.output)
                self._end(event, Outcome(output=output, handles=event.handles, error=event.handled_error))
            case ev.NodeReused():
                outcome = Outcome(
                    output=event.output, handles=event.handles, failed=event.failed, error=event.error,
                    exports=event.exports, exits=event.exits,
                )  # fmt: skip
                self._end(event, outcome)
            case ev.NodeFailed(routed=True):
                has_error_edge = self.index.nodes[event.node_id].has_error_edge
                handles = (ERROR_HANDLE if has_error_edge else GOTO_HANDLE,)
                outcome = Outcome(output=error_output(event.error), handles=handles, failed=True, error=event.error)
                self._end(event, outcome)
            case ev.NodeFailed():
                self.past.failed.add(event.node_id)
            case ev.NodeSkipped(void=False):
                self.past.skipped.add(event.node_id)

    def _put_together(self, node_id: str, output: Value) -> Value:
        results = self.results.pop(node_id, {})
        value = as_value(output)
        if isinstance(value, dict) and value.keys() == {"results"}:
            self.results[node_id] = results
            return {"results": to_wire(self._put_together(node_id, value["results"]))}
        if not isinstance(value, StoredValue) or not value.is_in_log or not results:
            return output
        entries = tuple(to_wire(results.get(index)) for index in range(value.length))
        return StoredValue("", value.bytes, value.length, value.preview, chunks=(), tail=entries)

    def _end(self, event: ev.NodeEvent, outcome: Outcome) -> None:
        container = self.state.containers.get(event.instance)
        exports, exits = outcome.exports, outcome.exits
        if container is not None:
            exports, exits = container.last, tuple(container.exits) if not outcome.failed else ()
        self.past.outcomes[event.node_id] = Outcome(
            output=outcome.output, handles=outcome.handles, failed=outcome.failed, error=outcome.error,
            variables=tuple(self.changes.pop(event.node_id, ())), exports=exports, exits=exits,
        )  # fmt: skip

    def _note_changes(self, event: ev.NodeEvent) -> None:
        """What an event does to the variables of the execution. Isolated scopes do it as their container ends (R17)."""
        scope, node_id = split_instance(event.instance)
        if visible_variables(self.state, scope) is not self.state.variables:
            return
        # What an execution did to the memory of its workflow stands there: whoever takes it over does not do it again.
        operations = [change for change in getattr(event, "variables", ()) if not change.workflow]
        container = self.state.containers.get(event.instance)
        changes = container.changes if container is not None else {}
        for number in sorted(changes):
            operations += changes[number]
        if operations:
            self.changes.setdefault((self.index.chains[node_id] or (node_id,))[0], []).extend(operations)
