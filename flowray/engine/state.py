"""The whole state of an execution: everything a snapshot holds. A fold over its events; no behaviour but look-ups."""

from __future__ import annotations

from typing import Any

import msgspec

from flowray.engine.ready_queue import ReadyQueue
from flowray.engine.shared_memory import SharedEntry
from flowray.engine.signals import Answer, Budget, ChildCall, NodeError, Pause, Spending, Usage, VariableOperation
from flowray.engine.start_points import Selection
from flowray.engine.statuses import TERMINAL_EXECUTION, TERMINAL_NODE, ExecutionStatus, NodeStatus
from flowray.values import Chunk, Value

STATE_VERSION = 1


class NodeState(msgspec.Struct, omit_defaults=True):
    """One node instance.

    ``waits`` incoming edges are still pending, ``live`` of the settled flow edges live. ``tries`` grows only after a
    received failure (R31). ``has_output`` is False before completion and after pruning. ``due_at``: when a waiting
    instance goes on by itself, ms since the epoch. ``bytes`` of the output count as resident. ``child``: the call of
    the workflow that it waits for, ``child_id`` the execution, once that is there. ``epoch``: of the owner that has
    started the attempt. ``wait_output`` and ``wait_variables``: what its result has said before the wait.
    ``step`` steps are done, in ``step_attempts`` attempts, and left ``journal``; ``continues``: what it waits for is no
    end, but becomes the ``answer`` that the next step is given. The text of those steps ends at ``stream_offset``, that
    of the present attempt at ``stream_end``, both in characters.
    """

    status: NodeStatus = NodeStatus.PENDING
    waits: int = 0
    live: int = 0
    attempt: int = 0
    tries: int = 0
    output: Value = None
    has_output: bool = False
    pruned: bool = False
    error: NodeError | None = None
    started_at: int = 0
    due_at: int | None = None
    wait_kind: str = ""
    wait_output: Value = None
    wait_variables: tuple[VariableOperation, ...] = ()
    wait_reason: str = ""
    stream_id: str | None = None
    leads_on: bool = False
    bytes: int = 0
    child: ChildCall | None = None
    pause: Pause | None = None
    waitpoint: str = ""
    waiting_since: int = 0
    child_id: str = ""
    epoch: int = 0
    step: int = 0
    step_attempts: int = 0
    journal: Value = None
    answer: Answer | None = None
    continues: bool = False
    stream_offset: int = 0
    stream_end: int = 0


class Hold(msgspec.Struct, omit_defaults=True):
    """A pause that somebody asked for, at ``since`` (R20)."""

    reason: str = ""
    by: str | None = None
    since: int = 0


class ClosedWaitpoint(msgspec.Struct, omit_defaults=True):
    """How a named waitpoint ended: ``completed`` with ``data``, or ``timed_out``."""

    status: str
    data: Value = None
    by: str | None = None


class ScopeState(msgspec.Struct, omit_defaults=True):
    """One scope instance: the root, an iteration or a branch. ``edges`` maps settled edge ids to whether they live;
    None marks a void one, which only an execution that finishes early or stops leaves behind (R9).

    ``open`` counts instances that are ready, running or waiting. ``error`` is the first unhandled one in it.
    ``exports``: what readers outside see of the bodies of containers that have ended in this scope, by node id (R6).
    ``variables`` of an isolated scope are its own; None: those around. So is its shared memory, ``shared``. ``changes``
    is what happened to both in it (R17).
    """

    plan_scope: str
    nodes: dict[str, NodeState]
    edges: dict[str, bool | None] = {}
    index: int = 0
    item: Value = None
    open: int = 0
    error: NodeError | None = None
    exports: dict[str, Value] = {}
    variables: dict[str, Any] | None = None
    shared: dict[str, SharedEntry] = {}
    changes: list[VariableOperation] = []


class ContainerState(msgspec.Struct, omit_defaults=True):
    """A loop or parallel that is running. ``results[i]`` is entry i of its results (R12), present once ended.

    ``total`` is -1 while unknown. ``last`` has the outputs that readers outside or in the next iteration see (R6).
    ``asking``: a sentinel's answer is due. ``exits``: ids of the exit edges that an iteration has fired (R4).
    ``losses``: how often the process that was to answer the present question has died. ``capped``: the node's own
    ``maxIterations`` cut the collection. ``broken``: a round asked to break. ``again``: the present round of an
    implicit loop leads back to its head. ``closing``: its END is to aggregate the results. ``first``: the index of the
    first scope that ended without an error, -1 before. ``changes``: what isolated scopes did to variables (R17).
    ``items`` is a list, or a manifest of a large one (R16). Large results are put into ``chunks`` as they fill, those
    before ``gathered`` are looked at, those before ``collecting`` are on their way into a chunk; ``results`` holds what
    is in none. ``in_log``: nobody reads the results, and they are too large to be kept all the same.
    """

    opened: bool = False
    asking: bool = False
    total: int = -1
    items: Value = None
    next_index: int = 0
    running: int = 0
    results: dict[int, Value] = {}
    last: dict[str, Value] = {}
    last_index: int = -1
    failed: NodeError | None = None
    exits: list[str] = []
    losses: int = 0
    capped: bool = False
    broken: bool = False
    again: bool = False
    closing: bool = False
    first: int = -1
    result_bytes: int = 0
    changes: dict[int, list[VariableOperation]] = {}
    chunks: list[Chunk] = []
    chunk_bytes: int = 0
    preview: str = ""
    gathered: int = 0
    gathered_bytes: int = 0
    collecting: int = 0
    in_log: bool = False

    @property
    def question(self) -> int:
        """Numbers the question that a sentinel is to answer, as ``attempt`` of its RunNode: 1 opens the container,
        n + 2 decides on round n, the one after closes it. An answer to a former question is recognised by it.
        """
        return self.next_index + (3 if self.closing else 2) if self.opened else 1

    @property
    def is_asking(self) -> bool:
        """Whether an answer is due."""
        return self.asking or self.collecting > 0

    @property
    def questions(self) -> tuple[int, ...]:
        """The questions that are to be answered now."""
        asked = (self.question,) if self.asking else ()
        return (*asked, self.collect_question) if self.collecting else asked

    @property
    def collected(self) -> int:
        """How many results are in chunks."""
        return self.chunks[-1].end if self.chunks else 0

    @property
    def collect_question(self) -> int:
        """Numbers the question for the next chunk, apart from the other ones, which go on beside it: below 0."""
        return -1 - self.collected


class ExecutionState(msgspec.Struct, omit_defaults=True):
    """State of one execution. ``scopes`` by scope id, the root under ``""``; ``containers`` by instance id.

    ``ready`` holds instance ids in the order in which they may start; ``running`` the leaf instances that hold a
    slot (R13), ``waiting`` when each waiting instance goes on (-1: not by itself), ``waiting_kinds`` how many wait for
    what. ``agenda``, ``finished_scopes`` and ``dropped`` are the engine's work lists inside one step and empty
    between steps. ``readers_left`` counts, per node of the root scope, the root nodes that may still read it.
    ``active_ms`` is the time spent running up to ``active_since``, waiting excluded (R14). ``last_terminal`` is the
    last root node to complete of those that nothing can follow; kept where the dialect's output is that one's (R8).
    ``resident_bytes`` of outputs and results are inline; ``recent`` are the stored
    values that ``keepLast`` keeps near.
    ``selection``: what of the plan runs, None for all; without what was given at the start.
    ``hold``: it was asked to pause. ``closed_waitpoints``: the named ones, by key, for those that ask later (R30).
    ``handling``: the error handler was entered (R20). ``deadline_ms`` is absolute (R14).
    """

    version: int = STATE_VERSION
    status: ExecutionStatus = ExecutionStatus.QUEUED
    epoch: int = 1
    inputs: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    shared: dict[str, SharedEntry] = {}
    scopes: dict[str, ScopeState] = {}
    containers: dict[str, ContainerState] = {}
    ready: ReadyQueue = msgspec.field(default_factory=ReadyQueue)
    running: dict[str, int] = {}
    waiting: dict[str, int] = {}
    waiting_kinds: dict[str, int] = {}
    agenda: list[tuple[str, str]] = []
    finished_scopes: list[str] = []
    dropped: list[str] = []
    readers_left: dict[str, int] = {}
    errors: list[NodeError] = []
    handled_errors: list[NodeError] = []
    usage: Usage = Usage()
    budget: Budget | None = None
    spending: Spending = msgspec.field(default_factory=Spending)
    outputs: Value = None
    finish_output: Value = None
    last_terminal: str | None = None
    finishing: bool = False
    stopping: bool = False
    cancel_reason: str | None = None
    started_at: int = 0
    active_since: int = 0
    active_ms: int = 0
    counts: dict[str, int] = {}
    handling: bool = False
    hold: Hold | None = None
    closed_waitpoints: dict[str, ClosedWaitpoint] = {}
    deadline_ms: int | None = None
    selection: Selection | None = None
    resident_bytes: int = 0
    recent: list[str] = []

    @property
    def ended(self) -> bool:
        """True once a terminal event was folded."""
        return self.status in TERMINAL_EXECUTION

    def node(self, scope: str, node_id: str) -> NodeState | None:
        """The instance, or None if its scope is not (or no longer) there."""
        found = self.scopes.get(scope)
        return found.nodes.get(node_id) if found else None


def work_done(state: ExecutionState) -> None:
    """Empty the work lists at the end of a step, or of a recorded commit."""
    state.agenda.clear()
    state.finished_scopes.clear()
    state.dropped.clear()


def is_over(node: NodeState) -> bool:
    """True for an instance that will not change any more."""
    return node.status in TERMINAL_NODE


def is_redriven(state: ExecutionState) -> bool:
    """It has crashed in the middle of its work and is to go on: queued, yet begun."""
    return state.status is ExecutionStatus.QUEUED and bool(state.scopes)


def next_wake(state: ExecutionState) -> int | None:
    """When a resting execution goes on by itself, ms since the epoch."""
    times = [due_at for due_at in state.waiting.values() if due_at >= 0]
    if state.deadline_ms is not None:
        times.append(state.deadline_ms)
    return min(times, default=None)
