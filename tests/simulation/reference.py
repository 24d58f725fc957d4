"""What a workflow must come to, by a slow and plain reading of R1 to R6, R8, R11, R12, R17, R19, R20. No engine."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

from flowray.definition.node_type import Role
from flowray.definition.policies import ErrorStrategy, JoinRule
from flowray.engine.iteration import IMPLICIT_ITERATION_LIMIT
from flowray.engine.plan_index import IMPLICIT
from flowray.plan import ROOT, Container, ExecutableNode, PlanEdge
from tests.simulation.workflows import EXPECTED_CODES, FAILURE_CODE, Behaviour, Workflow

NOTHING = object()
ALL_BUT_ERROR = None
FAILURE = f"!{FAILURE_CODE}"
NEVER_ON_SUCCESS = ("error", "goto")

Handles = tuple[str, ...] | None


@dataclass
class Outcome:
    """How one instance ended: ``value`` is NOTHING if there is none to read. ``handles`` are those that live."""

    status: str
    value: Any = NOTHING
    handles: Handles = ()
    unhandled: bool = False
    exits: frozenset[str] = frozenset()


@dataclass
class Frame:
    """One scope instance: what has ended in it, what its containers left behind, what the round before had."""

    scope: str
    path: str
    outer: Frame | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    live: set[str] = field(default_factory=set)
    exports: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    item: Any = None
    fired: set[str] = field(default_factory=set)
    left: bool = False
    again: bool = False
    changed: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(outcome.unhandled for outcome in self.outcomes.values())

    def values(self) -> dict[str, Any]:
        """What may be read after the scope is gone."""
        own = {node_id: outcome.value for node_id, outcome in self.outcomes.items() if outcome.value is not NOTHING}
        return {**self.exports, **own}


def digest(*parts: Any) -> int:
    """The value that an attempt returns, from its name and from what it read."""
    return zlib.crc32(repr(parts).encode())


def canonical(value: Any) -> Any:
    """A value without what differs from run to run: nonces, and the details of errors."""
    if isinstance(value, dict):
        if "v" in value:
            return value["v"]
        if "code" in value and "message" in value:
            # Which of several failures came first depends on time, and with it the code of what they lie in.
            return FAILURE if value["code"] in EXPECTED_CODES else f"!{value['code']}"
        return {name: canonical(part) for name, part in value.items()}
    return [canonical(part) for part in value] if isinstance(value, list) else value


@dataclass
class Verdict:
    """How an execution must end: its status, that of each root node, its outputs; what must have happened to variables,
    as ``(change, instance)`` in any order.
    """

    status: str
    statuses: dict[str, str]
    outputs: Any
    changes: list[tuple[str, str]]


class Reference:
    """Evaluates one workflow, recursively, in plan order. ``given``: what its caller gave it."""

    def __init__(self, workflow: Workflow, given: Any = None) -> None:
        self.workflow = workflow
        self.given = given
        self.handling = False
        self.plan = workflow.plan
        self.exit_edges = {
            edge.id: edge for scope in self.plan.scopes.values() for edge in scope.edges if edge.origin is not None
        }
        self.back_edges = [edge for container in self.plan.containers.values() for edge in container.repeats]

    def evaluate(self) -> Verdict:
        """What the workflow comes to."""
        root = self._scope(Frame(ROOT, ""))
        statuses = {node_id: outcome.status for node_id, outcome in root.outcomes.items()}
        changes = [
            (change, instance)
            for instance in root.changed
            for change in self.workflow.behaviours[instance.rpartition("/")[2]].changes
        ]
        return Verdict("failed" if root.failed else "completed", statuses, self._outputs(root), changes)

    def _scope(self, frame: Frame) -> Frame:
        """Nodes in plan order; the error handler's path stands behind all others, and so sees how they ended (R20)."""
        plan = self.plan.scopes[frame.scope]
        handler = self.plan.settings.error_handler
        for node_id in plan.nodes:
            incoming = [edge for edge in plan.edges if edge.target == node_id]
            is_start = frame.failed if node_id == handler else node_id in plan.starts
            self.handling |= node_id == handler
            if self._runs(self.plan.nodes[node_id], is_start, incoming, frame):
                outcome = self._run(frame, self.plan.nodes[node_id])
            else:
                outcome = Outcome("skipped")
            frame.outcomes[node_id] = outcome
            frame.live |= {edge.id for edge in plan.edges if edge.source == node_id and _lives(edge, outcome)}
            if outcome.status != "skipped":
                exits = [edge for edge in self.exit_edges.values() if edge.origin == node_id]
                frame.fired |= {edge.id for edge in exits if _handle_lives(edge.handle, outcome.handles)}
                back = [edge for edge in self.back_edges if edge.origin == node_id]
                frame.again |= any(_handle_lives(edge.handle, outcome.handles) for edge in back)
        return frame

    @staticmethod
    def _runs(node: ExecutableNode, is_start: bool, incoming: list[PlanEdge], frame: Frame) -> bool:
        feeders = [edge.id in frame.live for edge in incoming if edge.kind != "ordering"]
        if is_start:
            return True
        return bool(feeders) and (all(feeders) if node.join is JoinRule.ALL else any(feeders))

    def _run(self, frame: Frame, node: ExecutableNode) -> Outcome:
        behaviour = self.workflow.behaviours[node.id]
        instance = f"{frame.path}/{node.id}" if frame.path else node.id
        if node.role in (Role.LOOP, Role.PARALLEL):
            return self._container(frame, node, behaviour, instance)
        kind = behaviour.kind(instance)
        if kind == "fail" or (kind == "flaky" and behaviour.failures >= node.retry.max_attempts):
            return self._failure(node, FAILURE)
        parts = [instance, [self._read(frame, name) for name in behaviour.reads], frame.item, self.given]
        if behaviour.steps:
            if self.handling and "ask" in behaviour.steps:
                return self._failure(node, FAILURE)
            parts.append(self._told(behaviour, instance))
        value = digest(*parts)
        if kind == "call":
            value = self._called(behaviour, value)
        elif kind == "ask":
            value = NOTHING if self.handling else canonical(answer_of(instance))  # Nobody may be asked there.
        if value is NOTHING:
            return self._failure(node, FAILURE)
        frame.left |= kind == "break"
        frame.changed.append(instance)
        return Outcome("completed", value, ALL_BUT_ERROR if kind == "call" else success_handles(node, kind))

    def _told(self, behaviour: Behaviour, instance: str) -> list[Any]:
        """What each of the steps of an instance is told, and what follows them (decision 0049)."""
        told: list[Any] = [None]
        for number, waits in enumerate(behaviour.steps):
            told.append({"": None, "wait": "waited", "ask": canonical(answer_of(instance))}.get(waits, NOTHING))
            if told[-1] is NOTHING:
                output = self._called(behaviour, digest(instance, number))
                told[-1] = FAILURE if output is NOTHING else output
        return told

    def _called(self, behaviour: Behaviour, given: Any) -> Any:
        """What another workflow comes to (R19), NOTHING if it is not there or fails."""
        callee = self.workflow.callees.get(behaviour.calls)
        rules = None if callee is None else Reference(callee, given).evaluate()
        return NOTHING if rules is None or rules.status != "completed" else rules.outputs

    def _failure(self, node: ExecutableNode, value: Any, results: Any = NOTHING) -> Outcome:
        plan = self.plan
        leaving = [edge for edge in plan.scopes[node.scope].edges if edge.source == node.id and edge.origin is None]
        leaving += [edge for edge in (*self.exit_edges.values(), *self.back_edges) if edge.origin == node.id]
        if any(edge.handle == "error" for edge in leaving):
            return Outcome("failed", value, ("error",))
        handles: Handles = ("default", "source") if node.role is Role.BRANCH else ALL_BUT_ERROR
        if node.on_error is ErrorStrategy.CONTINUE:
            return Outcome("completed", value if results is NOTHING else results, handles)
        if node.on_error is ErrorStrategy.FALLBACK:
            return Outcome("completed", node.fallback_value, handles)
        if node.on_error is ErrorStrategy.GOTO and any(edge.handle == "goto" for edge in leaving):
            return Outcome("failed", value, ("goto",))
        return Outcome("failed", value, (), unhandled=True)

    def _container(self, frame: Frame, node: ExecutableNode, behaviour: Behaviour, instance: str) -> Outcome:
        if behaviour.kind(instance) == "fail":
            return self._failure(node, FAILURE, [])
        plan = self.plan.containers[node.id]
        rounds = behaviour.size if plan.mode != "doWhile" else max(behaviour.size, 1)
        rounds = rounds if plan.max_iterations is None else min(rounds, plan.max_iterations)
        results: list[Any] = []
        last: dict[str, Any] = {}
        fired: set[str] = set()
        failed = False
        first: list[Any] = []
        sequential = node.role is Role.LOOP and plan.max_concurrency == 1
        if plan.asks_each_round:
            rounds = min(rounds, behaviour.goes_on)
        if plan.mode == IMPLICIT:
            rounds = IMPLICIT_ITERATION_LIMIT  # It goes on as long as an edge back lives.
        left = endless = False
        for index in range(rounds):
            if plan.max_concurrency == 1 and (failed or fired or left or (plan.aggregation == "first" and first)):
                break
            inner = Frame(node.id, f"{instance}[{index}]", frame, before=last if sequential else {})
            inner.item = item(instance, index) if plan.mode in ("forEach", "collection") else None
            self._scope(inner)
            frame.changed += inner.changed
            results.append(self._result(inner, plan))
            first += [] if inner.failed else [results[-1]]
            failed = failed or (inner.failed and plan.item_failure == "fail")
            fired |= inner.fired
            broken = inner.left and node.role is Role.LOOP  # In a branch of a parallel it ends nothing more.
            left = broken or (plan.mode == IMPLICIT and not inner.again)
            endless = plan.mode == IMPLICIT and inner.again and not (failed or fired or left)
            if node.role is Role.LOOP or index == 0:
                last = inner.values()
        frame.exports.update(last)
        endless = endless and len(results) == IMPLICIT_ITERATION_LIMIT
        if not failed and not endless and not behaviour.fails_closing:
            output = aggregated(plan.aggregation, results, first)
            output = {"results": output} if plan.results == "all" else output
            return Outcome("completed", output, ALL_BUT_ERROR, exits=frozenset(fired))
        outcome = self._failure(node, FAILURE, results)
        if outcome.status == "completed":
            outcome.exits = frozenset(fired)  # The error is handled (R11), and the exit was taken all the same.
        return outcome

    def _result(self, frame: Frame, plan: Container) -> Any:
        """The value of the only node that ran and that nothing followed, an object if several did, or null (R12)."""
        if frame.failed:
            return None if plan.item_failure == "continue" else {"error": FAILURE}
        if plan.results == "all":
            return [outcome.value for outcome in frame.outcomes.values() if outcome.value is not NOTHING]
        edges = self.plan.scopes[frame.scope].edges
        ran = {}
        for node_id, outcome in frame.outcomes.items():
            out = [edge for edge in edges if edge.source == node_id and edge.kind != "ordering"]
            is_terminal = node_id in plan.terminals or all(edge.handle in NEVER_ON_SUCCESS for edge in out)
            followed = any(edge.id in frame.live for edge in out)
            if outcome.status == "completed" and is_terminal and not followed:
                ran[node_id] = outcome.value
        return next(iter(ran.values())) if len(ran) == 1 else ran or None

    # -- reading ------------------------------------------------------------------------------------------------------

    def _read(self, frame: Frame, provider: str) -> Any:
        """Own scope, then the round before, then outwards; a container's body by what the container left (R6)."""
        home = self.plan.nodes[provider].scope
        here: Frame | None = frame
        while here is not None:
            if here.scope == home:
                found = here.outcomes.get(provider)
                if found is not None and found.value is not NOTHING:
                    return found.value
                return here.before.get(provider)
            if here.scope == ROOT or here.scope in self._chain(provider):
                return here.exports.get(provider, here.before.get(provider))
            here = here.outer
        raise AssertionError(provider)

    def _chain(self, node_id: str) -> list[str]:
        chain = []
        scope = self.plan.nodes[node_id].scope
        while scope != ROOT:
            chain.append(scope)
            scope = self.plan.nodes[scope].scope
        return chain

    def _outputs(self, root: Frame) -> Any:
        completed = {k: o for k, o in root.outcomes.items() if o.status == "completed"}
        if ended := [node_id for node_id in self.plan.output_nodes if node_id in completed]:
            return completed[ended[-1]].value  # Objects with the same keys are merged: the last one wins.
        edges = self.plan.scopes[ROOT].edges
        led = {edge.source for edge in edges if edge.id in root.live and edge.kind != "ordering"}
        return {node_id: outcome.value for node_id, outcome in completed.items() if node_id not in led}


def answer_of(instance: str) -> dict[str, Any]:
    """What a person says when an instance asks, and what counts if nobody says anything in time."""
    return {"v": digest("answer", instance)}


def aggregated(aggregation: str, results: list[Any], first: list[Any]) -> Any:
    """The output of a container; ``first`` has the results of rounds that did not fail, in the order of their ends."""
    match aggregation:
        case "merge":
            return {str(number): result for number, result in enumerate(results)}
        case "reduce":
            return {"reduced": digest(results)}
        case "first":
            return first[0] if first else None
    return results


def item(instance: str, index: int) -> int:
    """An element of the collection of a container instance."""
    return digest(instance, index) % 1_000


def success_handles(node: ExecutableNode, kind: str) -> Handles:
    """The handles that live after a success of this kind."""
    if kind == "port":
        return ("error",)
    if kind in ("terminal", "break", "continue"):
        return ()
    if kind in ("x", "y", "xy", "none"):
        return (*("" if kind == "none" else kind), "source")
    return ("source",) if node.role is Role.BRANCH else ALL_BUT_ERROR


def _handle_lives(handle: str, handles: Handles) -> bool:
    return handle not in NEVER_ON_SUCCESS if handles is ALL_BUT_ERROR else handle in handles


def _lives(edge: PlanEdge, outcome: Outcome) -> bool:
    if outcome.status == "skipped":
        return False
    return edge.id in outcome.exits if edge.origin is not None else _handle_lives(edge.handle, outcome.handles)
