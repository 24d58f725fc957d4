"""Which nodes of an execution run, and what the others are given instead: runs from, until or of one node. Plain data.

Decided before the execution starts, by ``start_planning``; the engine only follows it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from flowray.engine.signals import NodeError, VariableOperation
from flowray.values import Value, as_value


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a node ended that does not run here: in another execution, or as the caller says (``pinned``).

    ``handles`` as in NodeCompleted. ``error``: what an error edge (``failed``) or ``onError`` has handled.
    ``variables``: everything that the node, or what is inside it, did to the execution's variables, in order. Of a
    container, ``exports`` are what readers outside see of its body, by node id (R6), and ``exits`` its live exit edges.
    """

    output: Value = None
    handles: tuple[str, ...] | None = None
    failed: bool = False
    error: NodeError | None = None
    variables: tuple[VariableOperation, ...] = ()
    exports: dict[str, Value] = {}
    exits: tuple[str, ...] = ()
    pinned: bool = False


class Selection(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of a plan an execution runs. All ids are those of root nodes, but for the pinned ones in ``at_turn``.

    ``may_run``: the nodes that may run, None for all. Any other is skipped when its turn comes, and its edges are void
    unless the source had ``skipped`` it too. ``run_from`` runs even if no edge into it lives. The edges of
    ``run_until`` are void, and its output is the execution's. ``given`` outcomes hold from the start, in this order;
    those of ``at_turn`` once the node's incoming edges are settled: a pinned node on a path that is not taken is
    skipped like any other. ``source`` is the execution that outcomes were taken from.
    """

    source: str | None = None
    run_from: str | None = None
    run_until: str | None = None
    may_run: dict[str, bool] | None = None
    skipped: dict[str, bool] = {}
    given: dict[str, Outcome] = {}
    at_turn: dict[str, Outcome] = {}

    def is_chosen(self, scope_id: str, node_id: str) -> bool:
        """False for a node that is skipped whatever its edges say."""
        return bool(scope_id) or self.may_run is None or node_id in self.may_run or node_id in self.at_turn

    def is_forced(self, scope_id: str, node_id: str) -> bool:
        """True for a node whose incoming edges need not live: the one to begin at, and what had run elsewhere."""
        if scope_id:
            return False
        outcome = self.at_turn.get(node_id)
        return node_id == self.run_from or (outcome is not None and not outcome.pinned)

    def recorded(self) -> Selection:
        """As ``execution.started`` keeps it: what is given at once is in events of its own, in the same commit."""
        return msgspec.structs.replace(self, given={})


def selection_to_json(selection: Selection | None) -> dict[str, Any] | None:
    """The JSON in which the row of an execution that has not started keeps its selection."""
    encoded: dict[str, Any] | None = msgspec.to_builtins(selection)
    return encoded


def selection_from_json(data: dict[str, Any] | None) -> Selection | None:
    """Undo ``selection_to_json``. Raises msgspec.ValidationError for anything else."""
    return None if data is None else restored_selection(msgspec.convert(data, Selection))


def restored_selection(selection: Selection | None) -> Selection | None:
    """``selection`` as it was before it became JSON: descriptors of stored values are StoredValue again."""
    if selection is None:
        return None
    return msgspec.structs.replace(
        selection,
        given={node_id: _restored(outcome) for node_id, outcome in selection.given.items()},
        at_turn={node_id: _restored(outcome) for node_id, outcome in selection.at_turn.items()},
    )


def _restored(outcome: Outcome) -> Outcome:
    exports = {node_id: as_value(value) for node_id, value in outcome.exports.items()}
    return msgspec.structs.replace(outcome, output=as_value(outcome.output), exports=exports)
