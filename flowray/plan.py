"""The execution plan: what execution reads. Compiled, immutable, JSON-able, stored once by hash with each execution.

A plan is a tree of scopes. The root scope holds the nodes outside any container; each loop or parallel node owns a
scope definition that holds its body. An edge belongs to the innermost scope that holds both its ends (R1), a container
standing for itself in its parent. At run time one scope *definition* has many scope *instances*.
"""

from __future__ import annotations

from typing import Any

import msgspec

from flowray.definition.node_type import Effects, Role
from flowray.definition.policies import ErrorStrategy, JoinRule, Lane, OnFailure
from flowray.values import stable_hash

PLAN_VERSION = 1

ROOT = ""
"""Id of the root scope."""


class PlanModel(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of the plan's parts: frozen, encoded as JSON objects without default values."""


class PlanRetry(PlanModel, frozen=True):
    """Resolved retry policy; see RetryPolicy for units and meaning."""

    max_attempts: int = 1
    initial_delay_ms: int = 1_000
    factor: float = 2.0
    max_delay_ms: int = 60_000
    jitter: float = 0.0
    codes: tuple[str, ...] | None = None


class PlanResources(PlanModel, frozen=True):
    """What a node asks Ray for when it runs in the task lane. Memory in bytes."""

    num_cpus: float | None = None
    num_gpus: float | None = None
    memory: int | None = None
    resources: dict[str, float] | None = None
    runtime_env: dict[str, Any] | None = None
    label_selector: dict[str, str] | None = None


class PlanEdge(PlanModel, frozen=True):
    """An edge inside one scope. ``handle`` is where it leaves (``source`` for plain success).

    ``kind``: ``flow`` settles its target; ``exit`` leaves a loop's body towards the parent (R4); ``ordering`` waits
    for its source without enabling or skipping the target (R4, R6). ``label`` is the author's handle as written.
    ``origin`` of an exit edge is the node of the body that it leaves from, by ``handle``; ``source`` is the loop.
    """

    id: str
    source: str
    target: str
    handle: str = "source"
    kind: str = "flow"
    label: str | None = None
    origin: str | None = None


class ExecutableNode(PlanModel, frozen=True):
    """One node as execution sees it.

    ``providers`` maps each root name that the config reads to the node ids that may provide it, latest in plan order
    first (R6); a name that is no provider's stays out and is looked up among inputs, variables and env at run time.
    ``incoming`` and ``outgoing`` are edge ids of this node's own scope, in plan order. ``order`` is the position in
    plan order, ``depth`` the level for display. ``value_key`` is the key of its output that its aliases mean.
    ``reads_shared``: it needs the whole of shared memory, not only what its config names. ``limits``: the named limits
    of the server that its attempts run under; with ``spends_tokens`` also as to tokens.
    """

    id: str
    type: str
    name: str = ""
    config: dict[str, Any] = {}
    scope: str = ROOT
    order: int = 0
    depth: int = 0
    role: Role = Role.PLAIN
    lane: Lane = Lane.IO
    effects: Effects = Effects.NONE
    waits_for_commit: bool = False
    streams: bool = False
    join: JoinRule = JoinRule.ANY
    retry: PlanRetry = PlanRetry()
    timeout_ms: int | None = None
    start_timeout_ms: int | None = None
    error_port: bool = False
    on_error: ErrorStrategy = ErrorStrategy.FAIL
    fallback_value: Any = None
    incoming: tuple[str, ...] = ()
    outgoing: tuple[str, ...] = ()
    providers: dict[str, tuple[str, ...]] = {}
    reads_all: bool = False
    output_variable: str | None = None
    segment: str | None = None
    resources: PlanResources | None = None
    known_type: bool = True
    value_key: str | None = None
    reads_shared: bool = False
    limits: tuple[str, ...] = ()
    spends_tokens: bool = False


class Container(PlanModel, frozen=True):
    """A loop or parallel: how its scope is repeated. ``mode`` is for, forEach, while, doWhile, count or collection.

    ``implicit`` is the mode of a cycle that the compiler made a loop of (R5): it goes on if an edge of ``repeats``
    lives, which lead from ``origin`` back to the head of the cycle. ``aggregation`` of a parallel: collect, merge,
    first or reduce. ``item_failure``: fail, continue or collect.
    ``asks_each_round``: a loop over items or a number that also has a condition. ``results``: ``terminal`` (R12), or
    ``all``: each entry lists the outputs of the whole body in plan order, and the output is ``{results: […]}`` (SIM).
    """

    id: str
    mode: str = "forEach"
    max_iterations: int | None = None
    max_concurrency: int = 1
    item_failure: str = "fail"
    item_variable: str | None = None
    index_variable: str | None = None
    terminals: tuple[str, ...] = ()
    inferred: bool = False
    asks_each_round: bool = False
    results: str = "terminal"
    repeats: tuple[PlanEdge, ...] = ()
    aggregation: str = "collect"


class ScopePlan(PlanModel, frozen=True):
    """Nodes and edges of one scope definition, in plan order. ``starts`` are live at once in a new instance."""

    id: str
    nodes: tuple[str, ...] = ()
    edges: tuple[PlanEdge, ...] = ()
    starts: tuple[str, ...] = ()


class PlanSettings(PlanModel, frozen=True):
    """Settings that execution reads. ``keep_last`` is the number in the policy ``keepLast(n)``.

    ``memory_*`` are the limits of shared memory, in bytes of UTF-8 JSON. ``retain_*``: how long an execution is kept
    after it has completed, or ended otherwise; None leaves it to the server, -1 is for ever. ``max_tokens`` and
    ``max_cost``, in US dollars, are what it may spend on models.
    """

    max_concurrent_nodes: int = 10
    timeout_ms: int | None = None
    on_failure: OnFailure = OnFailure.RUN_INDEPENDENT
    isolation: str = "shared"
    max_node_output_bytes: int = 64 * 1024 * 1024
    max_total_bytes: int = 50 * 1024 * 1024
    retain: tuple[str, ...] = ()
    policy: str = "byReaders"
    keep_last: int | None = None
    error_handler: str | None = None
    memory_entries: int = 1_000
    memory_value_bytes: int = 100 * 1024
    memory_total_bytes: int = 10 * 1024 * 1024
    retain_completed_ms: int | None = None
    retain_failed_ms: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None


class DialectSemantics(PlanModel, frozen=True):
    """Where a dialect differs at run time. Everything else is the same for all.

    ``flatten_outputs``: keys of an ancestor's output object are names of their own if nothing else provides them.
    ``keep_unresolved``: an unresolved reference stays verbatim even as a whole value. ``outputs_default``: what the
    outputs are if no output node ran: ``terminals`` or ``variables`` (R8). ``stringify_objects`` inside text.
    """

    name: str = "flowray"
    flatten_outputs: bool = False
    keep_unresolved: bool = False
    outputs_default: str = "terminals"


class ExecutionPlan(PlanModel, frozen=True):
    """The compiled form of one workflow.

    ``nodes`` by id, in plan order. ``scopes`` by id, the root under ``""``. ``readers`` maps a node id to the ids of
    all nodes that may read its output. ``levels`` groups root nodes by depth, for display only. ``variables`` are
    start values, ``variable_types`` the declared types of those that are checked. ``input_schema`` is JSON Schema
    2020-12 or None. ``required_inputs`` and ``input_defaults`` come from input nodes. ``absent_nodes`` are nodes of the
    definition that no path reaches: references to them read null.
    """

    nodes: dict[str, ExecutableNode]
    scopes: dict[str, ScopePlan]
    containers: dict[str, Container] = {}
    start_nodes: tuple[str, ...] = ()
    trigger: str | None = None
    levels: tuple[tuple[str, ...], ...] = ()
    readers: dict[str, tuple[str, ...]] = {}
    output_nodes: tuple[str, ...] = ()
    variables: dict[str, Any] = {}
    variable_types: dict[str, str] = {}
    input_schema: dict[str, Any] | None = None
    required_inputs: tuple[str, ...] = ()
    input_defaults: dict[str, Any] = {}
    absent_nodes: tuple[str, ...] = ()
    settings: PlanSettings = PlanSettings()
    dialect: DialectSemantics = DialectSemantics()
    name: str = ""
    version: int = PLAN_VERSION


_decoder = msgspec.json.Decoder(ExecutionPlan)


def plan_to_json(plan: ExecutionPlan) -> bytes:
    """Canonical JSON text of a plan: equal plans give equal bytes."""
    return msgspec.json.encode(plan, order="sorted")


def plan_from_json(data: bytes | str) -> ExecutionPlan:
    """Undo ``plan_to_json``. Raises msgspec.ValidationError for anything else."""
    return _decoder.decode(data)


def plan_hash(plan: ExecutionPlan) -> str:
    """Hex SHA-256 of the canonical JSON. The same definition compiled by the same version hashes the same anywhere."""
    return stable_hash(msgspec.to_builtins(plan))
