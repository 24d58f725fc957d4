"""What a run from, until or of a node runs, and what it takes over: a request and a past run → Selection. Pure.

Reads neither database nor payloads; carrying values over to the new execution is the runtime's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from flowray.definition.diagnostics import pointer
from flowray.definition.node_type import Effects, Role
from flowray.engine.outcomes import PastRun
from flowray.engine.plan_index import SUCCESS_HANDLE, PlanIndex
from flowray.engine.start_points import Outcome, Selection
from flowray.errors import ErrorCode, FlowrayError
from flowray.plan import ROOT, ExecutionPlan

FROM, UNTIL, ONLY, FAILED = "/from_node", "/until_node", "/only_node", "/failed_only"
PINS = "pins"
"""Fields of the request, as problems point to them."""


class StartRequest(msgspec.Struct, frozen=True):
    """Which part of a plan to run. Nothing set: all of it.

    ``pins`` maps node ids to the outputs that they have instead of running; of a branch, to ``{"output", "handles"}``.
    ``fresh_inputs``: the inputs are not those of the past run, so what hands them on runs again.
    """

    from_node: str | None = None
    until_node: str | None = None
    only_node: str | None = None
    failed_only: bool = False
    pins: dict[str, Any] = {}
    fresh_inputs: bool = False

    @property
    def asks_for_nothing(self) -> bool:
        """True if the whole plan is to run as it is."""
        return not (self.from_node or self.until_node or self.only_node or self.failed_only or self.pins)


def plan_start(index: PlanIndex, request: StartRequest, past: PastRun | None, source: str | None) -> Selection | None:
    """The selection for a request; None if the whole plan runs. ``past`` is the run of ``source`` to take over from.

    From a node: it and all that follows it run, whatever else completed is taken over. Failed only: what failed, never
    ran or has changed runs, and all that follows it. Until a node: it and what leads to it. Only a node: it alone.
    Raises INVALID_START_POINT with ``details["errors"]``, whose pointers name fields of the request.
    """
    if request.asks_for_nothing:
        return None
    planning = _Planning(index, request, past)
    planning.check_request()
    planning.choose()
    planning.check_missing()
    return planning.selection(source)


class _Planning:
    """One request on its way. ``run``: the root nodes that run, None for all. ``given`` and ``at_turn`` as there."""

    def __init__(self, index: PlanIndex, request: StartRequest, past: PastRun | None) -> None:
        self.index, self.request, self.past = index, request, past
        self.problems: list[dict[str, Any]] = []
        self.hint: str | None = None
        self.feeders: dict[str, list[str]] = {}
        self.followers: dict[str, list[str]] = {}
        for edge in index.plan.scopes[ROOT].edges:
            self.feeders.setdefault(edge.target, []).append(edge.source)
            self.followers.setdefault(edge.source, []).append(edge.target)
        self.pins: dict[str, Outcome] = {}
        self.run: set[str] | None = None
        self.given: dict[str, Outcome] = {}
        self.at_turn: dict[str, Outcome] = {}

    @property
    def first(self) -> str | None:
        """The node to begin at, whatever leads to it."""
        return self.request.from_node or self.request.only_node

    @property
    def last(self) -> str | None:
        """The node to end with."""
        return self.request.until_node or self.request.only_node

    # -- the request itself ---------------------------------------------------------------------------------------

    def check_request(self) -> None:
        """Every node is one that can be named, and what is asked for can be had together."""
        request = self.request
        for name, node_id in ((FROM, request.from_node), (UNTIL, request.until_node), (ONLY, request.only_node)):
            if node_id is not None:
                self._check_node(name, node_id)
        if request.only_node and (request.from_node or request.until_node or request.failed_only):
            self._problem(ONLY, "only_node stands alone: it runs one node and nothing else")
        if request.failed_only and request.from_node:
            self._problem(FAILED, "failed_only and from_node exclude one another")
        if request.failed_only and self.past is None:
            self._problem(FAILED, "failed_only needs an execution to take over from")
        for node_id, value in request.pins.items():
            self._pin(node_id, value)
        self._raise()

    def _check_node(self, name: str, node_id: str) -> None:
        if node_id not in self.index.nodes:
            absent = " that no path reaches" if node_id in self.index.plan.absent_nodes else ""
            self._problem(name, f"{node_id!r} is no node of the plan{absent and ': it is one' + absent}", node_id)
        elif self.index.chains[node_id]:
            around = self.index.chains[node_id][0]
            self._problem(name, f"{node_id!r} lies inside {around!r}, which runs as a whole: name {around!r}", node_id)
            # Which of its instances, with which variables and results of earlier rounds? Nothing could say.
            self.hint = f"name {around!r}, which runs with everything in it, or pin {node_id!r} for every round"

    def _pin(self, node_id: str, value: Any) -> None:
        known = self.index.nodes.get(node_id)
        if known is None:
            self._problem(pointer(PINS, node_id), f"{node_id!r} is no node of the plan", node_id)
        elif isinstance(value, dict) and "$flowray" in value:
            self._problem(
                pointer(PINS, node_id), "the key '$flowray' is reserved for references to stored values", node_id
            )
        elif known.node.role is not Role.BRANCH:
            self.pins[node_id] = Outcome(output=value, pinned=True)
        elif _is_branch_pin(value):
            handles = (*value["handles"], SUCCESS_HANDLE)
            self.pins[node_id] = Outcome(output=value.get("output"), handles=handles, pinned=True)
        else:
            example = '{"output": …, "handles": ["true"]}'
            self._problem(pointer(PINS, node_id), f"{node_id!r} is a branch: pin it as {example}", node_id)

    # -- what runs ------------------------------------------------------------------------------------------------

    def choose(self) -> None:
        """Decide for every root node whether it runs, is given, or ends void."""
        request = self.request
        root = frozenset(self.index.scope_nodes[ROOT])
        if request.only_node:
            self.run = {request.only_node, *self._sources_read_by(request.only_node)}
        elif request.from_node:
            self.run = {*_closure([request.from_node], self.followers), *self.index.handler_nodes}
            if self.past is None:
                self.run.update(*(self._sources_read_by(node_id) for node_id in tuple(self.run)))
        elif request.failed_only and self.past is not None:
            self.run = {*self._failed_and_after(self.past), *self.index.handler_nodes}
        if request.until_node:
            self._stop_at(request.until_node, root)
        if self.run is not None:
            self._give(self.run, root)
        self.at_turn.update((node_id, pin) for node_id, pin in self.pins.items() if node_id not in self.given)
        self._raise()

    def _stop_at(self, last: str, root: frozenset[str]) -> None:
        # Nobody wants what leads to a pinned node to run; from a node on, a pinned one takes its turn.
        walls = frozenset[str]() if self.run is not None else self.pins.keys() & root
        wanted = _closure([last], self.feeders, walls)
        if self.request.from_node and self.request.from_node not in wanted:
            self._problem(UNTIL, f"no path leads from {self.request.from_node!r} to {last!r}", last)
        self.run = wanted - walls if self.run is None else self.run & wanted

    def _give(self, run: set[str], root: frozenset[str]) -> None:
        """Take over what has ended in the past run, and pin what does not run."""
        wanted = root if self.last is None else _closure([self.last], self.feeders)
        if self.past is not None and (self.first or self.request.failed_only):
            for node_id, outcome in self.past.outcomes.items():
                if node_id in wanted and node_id not in run and self._is_same_kind(node_id, self.past.index.plan):
                    self.given[node_id] = outcome
        if self.request.fresh_inputs:
            self._hand_on_inputs(run)
        for node_id, pin in self.pins.items():
            if node_id in root and node_id not in run:
                self.at_turn.pop(node_id, None)
                self.given[node_id] = pin

    def _hand_on_inputs(self, run: set[str]) -> None:
        """Other inputs: what hands them on runs again, and what is taken over waits for it."""
        again = [node_id for node_id in self.given if self._hands_on(node_id)]
        run.update(again)
        behind = _closure(again, self.followers)
        for node_id in [name for name in self.given if name in behind]:
            outcome = self.given.pop(node_id)
            if node_id not in run:
                self.at_turn[node_id] = outcome

    def _hands_on(self, node_id: str) -> bool:
        """Begins the graph, from nothing but the inputs and without an effect."""
        known = self.index.nodes[node_id]
        return known.is_start and known.node.effects is Effects.NONE and not known.is_container

    def _sources_read_by(self, node_id: str) -> set[str]:
        """The nodes that hand the execution's inputs on and that this node, or what is in it, names."""
        return {
            root
            for reader in self._with_inside(node_id)
            for candidates in self.index.nodes[reader].node.providers.values()
            for root in map(self._root_of, candidates)
            if self.index.nodes[root].node.role is Role.SOURCE or self.index.plan.trigger == root
            if self._hands_on(root)
        }

    def _failed_and_after(self, past: PastRun) -> set[str]:
        plan = past.index.plan
        again = [
            node_id
            for node_id in self.index.scope_nodes[ROOT]
            if node_id not in self.index.handler_nodes
            if node_id in past.failed
            or not past.is_decided(node_id)
            or not self._is_unchanged(node_id, plan)
            or node_id in self.pins
        ]
        if not again:
            self._problem(FAILED, "nothing failed, and nothing was left out: there is nothing to run again")
        return _closure(again, self.followers)

    def _is_same_kind(self, node_id: str, plan: ExecutionPlan) -> bool:
        """Whether the past plan has this node as what it is here."""
        here, there = self.index.nodes.get(node_id), plan.nodes.get(node_id)
        if here is None or there is None or node_id in self.index.handler_nodes:
            return False
        return (here.node.scope, here.node.type, here.node.role) == (there.scope, there.type, there.role)

    def _is_unchanged(self, node_id: str, plan: ExecutionPlan) -> bool:
        """Whether the past plan has the same node, and the same in it."""
        if not self._is_same_kind(node_id, plan):
            return False
        inside = self._with_inside(node_id)
        if self.index.plan.containers.get(node_id) != plan.containers.get(node_id):
            return False
        return all(
            (there := plan.nodes.get(member)) is not None
            and there.config == self.index.nodes[member].node.config
            and there.type == self.index.nodes[member].node.type
            for member in inside
        )

    def _with_inside(self, node_id: str) -> list[str]:
        if not self.index.nodes[node_id].is_container:
            return [node_id]
        return [node_id, *(inner for inner, chain in self.index.chains.items() if node_id in chain)]

    def _root_of(self, node_id: str) -> str:
        return (self.index.chains[node_id] or (node_id,))[0]

    # -- what is missing ------------------------------------------------------------------------------------------

    def check_missing(self) -> None:
        """What runs finds all that it waits for and names: it runs too, is given, or was left out for a reason."""
        if self.run is None or self.first is None:
            return
        for node_id in self.index.scope_nodes[ROOT]:
            # What follows the error handler runs only after a failure, and reads whatever there is by then.
            if node_id in self.run and node_id not in self.index.handler_nodes:
                self._check_feeders(node_id)
                self._check_reads(node_id)
        self._raise()

    def _check_feeders(self, node_id: str) -> None:
        feeders = self.feeders.get(node_id, [])
        if node_id == self.first:
            ran = any(feeder in found for feeder in feeders for found in (self.run or (), self.given, self.at_turn))
            if feeders and not ran and not self.request.only_node and not self.index.nodes[node_id].is_start:
                self._missing(node_id, feeders, "runs after")
            return
        missing = [feeder for feeder in feeders if not self._is_known(feeder)]
        if missing and not self.index.nodes[node_id].is_start:
            self._missing(node_id, missing, "runs after")

    def _check_reads(self, node_id: str) -> None:
        for reader in self._with_inside(node_id):
            for name, candidates in self.index.nodes[reader].node.providers.items():
                roots = [self._root_of(candidate) for candidate in candidates]
                if roots and not any(self._is_known(root) for root in roots):
                    self._missing(reader, roots, f"reads {name!r} of" if name not in candidates else "reads")

    def _is_known(self, node_id: str) -> bool:
        if self.run is None or node_id in self.run or node_id in self.given or node_id in self.at_turn:
            return True
        # A past failure or skip stays what it was: what waits for it goes on without it, and reads null (R6).
        return self.past is not None and (node_id in self.past.skipped or node_id in self.past.failed)

    def _missing(self, node_id: str, missing: Iterable[str], relation: str) -> None:
        names = ", ".join(repr(name) for name in dict.fromkeys(missing))
        self._problem(
            FROM if self.request.from_node else ONLY,
            f"{node_id!r} {relation} {names}, which neither runs nor has an outcome to take over",
            node_id,
        )

    # -- the result -----------------------------------------------------------------------------------------------

    def selection(self, source: str | None) -> Selection:
        """What was chosen."""
        run = self.run
        root = self.index.scope_nodes[ROOT]
        skipped = self.past.skipped if self.past is not None and run is not None else frozenset[str]()
        return Selection(
            source=source if self.past is not None else None, run_from=self.first, run_until=self.last,
            may_run=None if run is None else {name: True for name in root if name in run},
            skipped={name: True for name in root if name in skipped and name not in (run or ())},
            given=self.given, at_turn=self.at_turn,
        )  # fmt: skip

    def _problem(self, place: str, message: str, node_id: str | None = None) -> None:
        self.problems.append({"pointer": place, "message": message, "node_id": node_id})

    def _raise(self) -> None:
        if not self.problems:
            return
        more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
        raise FlowrayError(
            ErrorCode.INVALID_START_POINT,
            self.problems[0]["message"] + more,
            details={"errors": self.problems, "node_id": self.problems[0]["node_id"]},
            hint=self.hint if self.run is None else "pin the outputs that are missing, or begin at an earlier node",
        )


def _is_branch_pin(value: Any) -> bool:
    if not isinstance(value, dict) or not value.keys() <= {"output", "handles"}:
        return False
    handles = value.get("handles")
    return isinstance(handles, list) and all(isinstance(handle, str) for handle in handles)


def _closure(
    roots: Iterable[str], neighbours: Mapping[str, Iterable[str]], walls: Collection[str] = frozenset()
) -> set[str]:
    """The roots and all that is reached from them; nothing is reached through a wall."""
    found = set(roots)
    stack = list(found)
    while stack:
        node_id = stack.pop()
        if node_id in walls:
            continue
        for neighbour in neighbours.get(node_id, ()):
            if neighbour not in found:
                found.add(neighbour)
                stack.append(neighbour)
    return found
