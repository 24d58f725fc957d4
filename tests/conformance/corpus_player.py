"""Plays a plan on the engine with a scripted reply for every node type, through every combination of its decisions.

A decision is a point at which a run can go on in more than one way: the handle that a branch selects, whether a node
with an error edge fails, how often a loop repeats. It knows nothing of what any handler would really answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowray.compiler.handles import DEFAULT, SOURCE, selectable
from flowray.definition.node_type import FieldKind, NodeType, Role
from flowray.engine import stimuli as st
from flowray.engine.commands import RunNode
from flowray.engine.context import ContextSlice
from flowray.engine.instances import parent_of_scope, split_instance
from flowray.engine.plan_index import ERROR_HANDLE, GOTO_HANDLE, IMPLICIT, PlanIndex
from flowray.engine.signals import VariableOperation
from flowray.handlers.builtin import builtin_handlers
from flowray.handlers.registry import NodeRegistry
from flowray.plan import ExecutableNode, PlanEdge
from tests.engine.harness import Reply, Run, asks, err, ok, route, sleeps

MOST_COMBINATIONS = 64
MOST_MOVES = 2_000
ROUNDS = (2, 1, 0)
"""How often a loop repeats; the first is what a run does that is not told otherwise."""

WAIT_MS = 60_000

NO_EDGE = "no edge"
"""Stands for all handles that a branch may select and that no edge leaves from: they end the path alike."""

SUCCEEDS, FAILS = "succeeds", "fails"

SOURCES = ("files", "audioInput")
"""Source types (R2) that flowray may have no handler for."""

FIELDS = {"code": {"code": FieldKind.SCRIPT}, "url": {"urlVariable": FieldKind.PATH}}
"""How such types read fields that are no templates (R7)."""

Choice = str | int
Choices = dict[str, Choice]
"""Decision → what was chosen. A decision is named by its node instance: it decides once."""


def scripted_types(kinds: Sequence[str] = ()) -> dict[str, NodeType]:
    """Declarations of the installed types, and of ``kinds`` where nothing is installed for them."""
    types = dict(NodeRegistry(builtin_handlers()).node_types())
    for kind in kinds:
        role = Role.SOURCE if kind in SOURCES else Role.PLAIN
        types.setdefault(kind, NodeType(name=kind, summary="scripted", role=role, fields=FIELDS.get(kind, {})))
    return types


@dataclass
class Script:
    """What every node of one run answers. ``given``: the numbers of the options to take, then always the first.

    ``taken`` lists the decisions that were reached, each with its options, in the order of the run.
    """

    index: PlanIndex
    given: Sequence[int] = ()
    choices: Choices = field(default_factory=dict)
    taken: list[tuple[str, int, int]] = field(default_factory=list)

    def reply(self, call: RunNode, now: int) -> Reply:
        """The answer to one dispatch."""
        node = self.index.nodes[call.node_id].node
        if call.sentinel:
            return self._sentinel(call)
        choice = self._choose(call.instance, self._options(call, node))
        if choice == FAILS:
            return err("NODE_FAILED", f"{call.instance} was told to fail")
        if node.role is Role.BRANCH:
            selected = (str(choice),) if choice != NO_EDGE else ("\0",)
            return route(*selected, output=output_of(node, call.instance))
        return _in_kind(node, call.instance, now)

    def _choose(self, decision: str, options: Sequence[Choice]) -> Choice:
        if decision not in self.choices:
            number = 0
            if len(options) > 1:
                place = len(self.taken)
                number = self.given[place] if place < len(self.given) else 0
                self.taken.append((decision, number, len(options)))
            self.choices[decision] = options[number]
        return self.choices[decision]

    def _sentinel(self, call: RunNode) -> Reply:
        rounds = int(self._choose(call.instance, self._rounds(call.node_id)))
        match call.sentinel:
            case "open":
                return ok({"items": [f"item {number}" for number in range(rounds)], "total": rounds})
            case "condition":
                return ok({"continue": call.round < rounds})
            case _:
                return ok([])

    def _rounds(self, container_id: str) -> Sequence[int]:
        return ROUNDS[:2] if self.index.container(container_id).mode == "doWhile" else ROUNDS

    def _options(self, call: RunNode, node: ExecutableNode) -> Sequence[Choice]:
        known = self.index.nodes[node.id]
        fails = [FAILS] if known.has_error_edge or known.has_goto_edge else []
        if node.role is not Role.BRANCH:
            return (SUCCEEDS, *fails)
        handles = branch_options(self.index, node)
        return (*self._leading_out(call, node, handles), *fails)

    def _leading_out(self, call: RunNode, node: ExecutableNode, handles: Sequence[Choice]) -> Sequence[Choice]:
        """In the last round of a cycle, only the handles that do not lead straight into another round."""
        container = self.index.plan.containers.get(node.scope)
        if container is None or container.mode != IMPLICIT:
            return handles
        if parent_of_scope(split_instance(call.instance)[0])[1] + 1 < max(ROUNDS):
            return handles
        return [handle for handle in handles if not self._leads_back(node, handle)] or handles

    def _leads_back(self, node: ExecutableNode, handle: Choice) -> bool:
        known = self.index.nodes[node.id]
        if any(edge.handle == handle for edge in known.repeats):
            return True
        stack = [edge.target for edge in known.outgoing if edge.handle in (handle, SOURCE)]
        while stack:
            following = self.index.nodes[stack.pop()]
            if following.node.role is Role.BRANCH:
                continue
            if following.repeats:
                return True
            stack.extend(edge.target for edge in following.outgoing)
        return False


def branch_options(index: PlanIndex, node: ExecutableNode) -> list[Choice]:
    """The handles that a branch may select and that lead somewhere, in plan order; then all others as one."""
    known = index.nodes[node.id]
    edges: tuple[PlanEdge, ...] = (*known.outgoing, *known.exits, *known.repeats)
    drawn = list(dict.fromkeys(edge.handle for edge in edges if edge.handle not in (SOURCE, ERROR_HANDLE, GOTO_HANDLE)))
    named = {*selectable(node.config)} | ({"true", "false"} if node.type == "conditional" else {DEFAULT})
    return [*drawn, *([NO_EDGE] if named - set(drawn) or not drawn else [])]


def output_of(node: ExecutableNode, instance: str) -> Any:
    """What a node puts out when it succeeds: a value that says where it comes from, in the shape of its type."""
    match node.type:
        case "input":
            return {str(node.config.get("inputName") or "input"): f"given to {instance}"}
        case "output":
            return {str(node.config.get("outputName") or node.id): f"of {instance}"}
        case _:
            return {"from": instance, "text": f"text of {instance}", "output": {"items": ["a", "b"]}}


def variables_of(node: ExecutableNode, instance: str) -> tuple[VariableOperation, ...]:
    """The change that a ``variable`` node makes."""
    name = node.config.get("variableName") if node.type == "variable" else None
    return (VariableOperation("set", str(name), f"set by {instance}"),) if name else ()


def _in_kind(node: ExecutableNode, instance: str, now: int) -> Reply:
    output = output_of(node, instance)
    match node.type:
        case "wait":
            return sleeps(now + WAIT_MS, output)
        case "humanReview":
            return asks()
        case _:
            return ok(output, variables=variables_of(node, instance))


@dataclass
class Played:
    """A run that has ended, with what it was told to do.

    ``replies``: instance → the output with which it was made to succeed. ``rested`` lists the statuses in which it
    stood still because only a person could move it.
    """

    run: Run
    script: Script
    replies: dict[str, Any] = field(default_factory=dict)
    rested: list[str] = field(default_factory=list)

    @property
    def ran(self) -> set[str]:
        """Nodes of which an instance was started."""
        return {event.node_id for event in self.run.of_type("node.started")}

    def reply(self, call: RunNode, context: ContextSlice) -> Reply:
        """What the script answers; remembered if the node succeeds with it."""
        answer = self.script.reply(call, self.run.now)
        if not call.sentinel and answer.error is None and answer.signals.pause is None:
            wait = answer.signals.wait
            self.replies[call.instance] = wait.output if wait is not None else answer.output
        return answer

    def answer_person(self) -> None:
        """A person answers the first who asks. Fails if nobody asks: then nothing can move the run any more."""
        run = self.run
        asking = [instance for instance, due_at in run.state.waiting.items() if due_at < 0]
        assert asking, f"it stands still as {run.state.status.value} and nothing can move it"
        self.rested.append(run.state.status.value)
        node = self.script.index.nodes[split_instance(asking[0])[1]].node
        self.replies[asking[0]] = output_of(node, asking[0])
        run.send(st.WaitAnswered(ts=run.now, instance=asking[0], data=self.replies[asking[0]]))


def play(script: Script, *, last_first: bool = False, crash_after: int | None = None) -> Played:
    """One run to its end. Fails with AssertionError if it does not come to one.

    ``last_first``: of all that is pending, what was dispatched last answers first. ``crash_after``: the owner dies
    after so many moves, and a new one goes on from the log.
    """
    played = Played(Run(script.index.plan, check=False), script)
    run = played.run
    run.script = dict.fromkeys(script.index.plan.nodes, played.reply)
    if last_first:
        run.pick = lambda pending: len(pending) - 1
    run.start()
    for number in range(MOST_MOVES):
        if number == crash_after and run.ended is None:
            run.crash_and_recover()
        if not run.move():
            if run.ended is not None:
                return played
            played.answer_person()
    raise AssertionError(f"it still moves after {MOST_MOVES} moves")


def combinations(index: PlanIndex, most: int = MOST_COMBINATIONS) -> Iterator[Played]:
    """A run for each combination of the decisions that are reached, up to ``most``.

    A run takes the first option wherever it is not told otherwise, so each option of each decision that it meets comes
    before combinations of several. Where there are more than ``most``, it is these that are left out.
    """
    prefixes: deque[tuple[int, ...]] = deque([()])
    for _ in range(most):
        if not prefixes:
            return
        given = prefixes.popleft()
        played = play(Script(index, given))
        numbers = [number for _, number, _ in played.script.taken]
        for place in range(len(given), len(numbers)):
            width = played.script.taken[place][2]
            prefixes.extend((*numbers[:place], other) for other in range(1, width))
        yield played
