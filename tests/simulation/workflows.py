"""Random workflows with every construct of the engine, and what each attempt of each node does."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec

from flowray.definition.node_type import Effects, Role
from flowray.definition.policies import ErrorStrategy, JoinRule, OnFailure
from flowray.engine.plan_index import IMPLICIT
from flowray.engine.signals import VariableOperation
from flowray.plan import ROOT, ExecutionPlan, PlanEdge, PlanRetry
from tests.engine.plans import PlanMaker

AGGREGATIONS = ("collect",) * 5 + ("merge", "merge", "reduce", "reduce", "first")
PAD = "." * 600
"""Makes a value larger than what always stays inline (R16)."""

PLAIN_KINDS = ("ok",) * 9 + ("ask", "fail", "flaky", "flaky", "wait", "wait", "terminal", "port")
BRANCH_KINDS = ("x", "x", "y", "xy", "none", "ok", "fail")
MOST_DEPTH = 3
MOST_CALLS = 2
NOBODY = "nobody"
"""The id of a workflow that does not exist."""

FAILURE_CODE = "BAD"
UNKNOWN_CODE = "NOT_FOUND"
EXPECTED_CODES = frozenset({FAILURE_CODE, UNKNOWN_CODE, "SIGNAL_UNSUPPORTED", "ITERATION_LIMIT_EXCEEDED"})
"""Of failures that follow from the workflow alone."""


@dataclass
class Behaviour:
    """What attempts of one node do. ``kinds`` is chosen from by the instance's name, never by time or attempt.

    ``size``: items of a container, or rounds of a conditional one. ``goes_on``: rounds that the
    condition of a loop over items allows. ``failures``: tries that a flaky node fails. ``large``: outputs or items
    above the least inline limit. ``changes``: what its successes do to variables: ``count``, ``log`` and ``set``.
    ``fails_closing``: its END cannot aggregate. ``calls``: the id of the workflow that it runs, if it is of that kind.
    ``steps``: what it waits for after each of the steps that it does before all else, "" for nothing.
    """

    kinds: tuple[str, ...] = ("ok",)
    size: int = 0
    goes_on: int = 0
    failures: int = 1
    wait_ms: int = 0
    tokens: int = 0
    reads: tuple[str, ...] = ()
    large: bool = False
    changes: tuple[str, ...] = ()
    fails_closing: bool = False
    calls: str = ""
    steps: tuple[str, ...] = ()

    def kind(self, instance: str) -> str:
        """How an instance behaves."""
        if len(self.kinds) == 1:
            return self.kinds[0]
        return self.kinds[zlib.crc32(instance.encode()) % len(self.kinds)]

    def operations(self, instance: str) -> tuple[VariableOperation, ...]:
        """What a success of an instance does to variables (R17)."""
        made = {
            "count": VariableOperation("increment", "n", 1),
            "log": VariableOperation("append", "log", instance),
            "set": VariableOperation("set", "s", instance),
        }
        return tuple(made[change] for change in self.changes)


@dataclass
class Workflow:
    """A plan with its behaviours. ``timed``: its outcome depends on times, so the reference cannot tell it.

    ``loose``: only what happens to variables does: how many items had run when one of them failed. ``deadline_ms``
    from the beginning of its world. ``callees`` by the id under which a node calls them.
    """

    plan: ExecutionPlan
    behaviours: dict[str, Behaviour]
    timed: bool = False
    loose: bool = False
    deadline_ms: int | None = None
    callees: dict[str, Workflow] = field(default_factory=dict)


@dataclass
class _Draft:
    """A workflow under construction. ``ancestors[node]`` are the nodes before it in its own scope."""

    rng: Random
    maker: PlanMaker
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    ancestors: dict[str, set[str]] = field(default_factory=dict)
    visible: dict[str, set[str]] = field(default_factory=dict)
    readable_bodies: dict[str, list[str]] = field(default_factory=dict)
    timed: bool = False
    loose: bool = False
    large: bool = False
    left: int = 14
    callees: dict[str, Workflow] = field(default_factory=dict)
    stepping: Random | None = None


def random_workflow(rng: Random, name: str, depth: int = 0, stepping: Random | None = None) -> Workflow:
    """A workflow of up to fourteen nodes, containers within containers, and perhaps a path for its failure. It may call
    smaller ones, under names that begin with its own. ``stepping`` decides which nodes work in steps; without it none
    does, and all else is as ``rng`` has it.
    """
    draft = _Draft(rng, PlanMaker(**_settings(rng, depth)), left=14 if not depth else 5, stepping=stepping)
    if depth < MOST_CALLS and rng.random() < 0.2:
        callees = [f"{name}.{number}" for number in range(rng.choice((1, 1, 2)))]
        draft.callees = {callee: random_workflow(rng, callee, depth + 1, stepping) for callee in callees}
    draft.large = rng.random() < 0.25
    draft.maker.variables = {"n": 0, "log": [], "s": None}
    deadline_ms = rng.choice((500, 5_000, 5_000, 60_000)) if not depth and rng.random() < 0.06 else None
    draft.timed = deadline_ms is not None or draft.maker.settings.timeout_ms is not None
    draft.timed |= any(callee.timed for callee in draft.callees.values())
    members = _fill(draft, ROOT, 0, rng.randint(1, 7 if not depth else 3), set())
    if rng.random() < 0.15:
        _add_handler(draft, members)
    plan = draft.maker.build()
    return Workflow(plan, draft.behaviours, draft.timed, draft.loose, deadline_ms, draft.callees)


def _settings(rng: Random, depth: int) -> dict[str, Any]:
    policy = rng.choice((OnFailure.RUN_INDEPENDENT,) * 4 + (OnFailure.FINISH_RUNNING, OnFailure.CANCEL_RUNNING))
    settings: dict[str, Any] = {"max_concurrent_nodes": rng.choice((1, 2, 3, 10)), "on_failure": policy}
    if rng.random() < (0.01 if depth else 0.03):
        settings["timeout_ms"] = rng.choice((500, 5_000, 60_000))
    if rng.random() < 0.5:
        settings["max_total_bytes"] = rng.choice((0, 0, 1_500))
    keeping = rng.random()
    if keeping < 0.05:
        settings |= {"policy": "keepLast(1)", "keep_last": 1}
    elif keeping < 0.1:
        settings["policy"] = "keepAll"
    return settings


def _add_handler(draft: _Draft, members: list[str]) -> None:
    """A path of its own that only a failure enters (R20). All else has settled by then, so it may read all of it."""
    rng, maker = draft.rng, draft.maker
    own_way = [edge.target for edge in maker.edges[ROOT]]
    maker.start(*(node_id for node_id in members if node_id not in own_way))
    draft.left = rng.randint(1, 4)
    everything = set(members)
    handler = _fill(draft, ROOT, MOST_DEPTH, 1, everything)[0]
    path = [handler]
    for _ in range(rng.choice((0, 1, 2))):
        draft.left += 1
        source = rng.choice(path)
        follower = _fill(draft, ROOT, 0, 1, draft.visible[source] | {source})[0]
        _connect(draft, source, follower)
        path.append(follower)
    maker.settings = msgspec.structs.replace(maker.settings, error_handler=handler)


def _fill(draft: _Draft, scope: str, depth: int, count: int, outer: set[str]) -> list[str]:
    """Put nodes and edges into one scope; returns the ids of its nodes."""
    rng = draft.rng
    members: list[str] = []
    for _ in range(count):
        if draft.left <= 0 and members:
            break
        draft.left -= 1
        node_id = f"n{len(draft.maker.nodes)}"
        sources = rng.sample(members, min(len(members), rng.choice((0, 1, 1, 1, 2, 3)))) if members else []
        before = set(sources).union(*(draft.ancestors[source] for source in sources))
        draft.ancestors[node_id] = before
        draft.visible[node_id] = outer | before
        container = depth < MOST_DEPTH and draft.left > 0 and rng.random() < 0.22
        (_add_container if container else _add_node)(draft, node_id, scope, depth, len(sources))
        for source in sources:
            _connect(draft, source, node_id)
        members.append(node_id)
    return members


def _add_node(draft: _Draft, node_id: str, scope: str, depth: int, feeders: int) -> None:
    rng = draft.rng
    branch = rng.random() < 0.2
    fields: dict[str, Any] = _policies(rng, feeders)
    behaviour = Behaviour(kinds=_kinds(rng, BRANCH_KINDS if branch else PLAIN_KINDS))
    behaviour.large = draft.large and rng.random() < 0.4
    behaviour.changes = tuple(change for change in ("count", "log", "set") if rng.random() < 0.15)
    if rng.random() < 0.01:
        behaviour.kinds, draft.timed = ("finish",), True
    if rng.random() < 0.5:
        fields |= {"waits_for_commit": True, "effects": Effects.WRITE}
    if rng.random() < 0.1:
        fields |= {"streams": True, "waits_for_commit": True}
        behaviour.tokens = rng.randint(1, 3)
    if rng.random() < 0.1:
        fields["timeout_ms"] = rng.choice((2_000, 30_000))
    loop = draft.maker.containers.get(scope)
    if loop is not None and loop.max_concurrency == 1 and not branch and rng.random() < 0.1:
        behaviour.kinds = ("ok", rng.choice(("break", "continue")))
    if draft.callees and not branch and rng.random() < 0.4:
        behaviour.kinds, behaviour.calls = ("call",), rng.choice((*draft.callees, *draft.callees, NOBODY))
        draft.loose |= behaviour.calls != NOBODY and draft.callees[behaviour.calls].loose
    behaviour.failures, behaviour.wait_ms = rng.randint(1, 2), rng.choice((5, 300, 4_000, 20_000))
    fields["retry"] = PlanRetry(max_attempts=rng.randint(1, 3), initial_delay_ms=rng.choice((10, 1_000)), jitter=0.5)
    role = Role.BRANCH if branch else Role.OUTPUT if not depth and rng.random() < 0.08 else Role.PLAIN
    if role is Role.OUTPUT:
        fields["on_error"] = ErrorStrategy.FAIL
        behaviour.kinds = tuple("ok" if kind in ("call", "ask") else kind for kind in behaviour.kinds)
    behaviour.reads = _reads(draft, node_id)
    if draft.stepping is not None and draft.stepping.random() < 0.2:
        behaviour.steps = _steps(draft, draft.stepping, behaviour)
    draft.behaviours[node_id] = behaviour
    draft.maker.node(node_id, scope=scope, role=role, reads=behaviour.reads, **fields)


def _steps(draft: _Draft, stepping: Random, behaviour: Behaviour) -> tuple[str, ...]:
    waits = ["", "", "", "wait", "ask"]
    if draft.callees:
        behaviour.calls = behaviour.calls or stepping.choice((*draft.callees, NOBODY))
        draft.loose |= behaviour.calls != NOBODY and draft.callees[behaviour.calls].loose
        waits += ["call", "call"]
    return tuple(stepping.choice(waits) for _ in range(stepping.choice((1, 1, 2, 3))))


def _add_container(draft: _Draft, node_id: str, scope: str, depth: int, feeders: int) -> None:
    rng = draft.rng
    is_loop = rng.random() < 0.6
    fields: dict[str, Any] = _policies(rng, feeders)
    fields["item_failure"] = rng.choice(("fail", "continue", "collect"))
    fields["max_iterations"] = rng.choice((None, None, None, 1, 2))
    kinds = ("ok",) if rng.random() < 0.92 else ("fail",)
    behaviour = Behaviour(kinds=kinds, size=rng.choice((0, 1, 2, 2, 3, 4)), reads=_reads(draft, node_id))
    behaviour.large = draft.large and rng.random() < 0.4
    fields["results"] = rng.choice(("terminal",) * 5 + ("all",))
    mode = rng.choice(("forEach", "forEach", "while", "doWhile", IMPLICIT) if is_loop else ("collection", "count"))
    if mode == IMPLICIT:
        behaviour.kinds, fields["max_iterations"] = ("ok",), None
    sequential = mode in ("while", "doWhile", IMPLICIT) or (is_loop and rng.random() < 0.8)
    fields["max_concurrency"] = 1 if sequential else rng.choice((0, 2))
    if not sequential and fields["item_failure"] == "fail":
        # Which items had started when one failed depends on time; that the container fails does not.
        fields["on_error"], draft.loose = ErrorStrategy.FAIL, True
    if not is_loop:
        _aggregate(draft, fields, behaviour)
    if mode == "forEach" and sequential and rng.random() < 0.2:
        fields["asks_each_round"], behaviour.goes_on = True, rng.randint(0, 3)
    draft.behaviours[node_id] = behaviour
    add = draft.maker.loop if is_loop else draft.maker.parallel
    add(node_id, mode, scope=scope, reads=behaviour.reads, **fields)
    body = _fill(draft, node_id, depth + 1, rng.randint(1, 3), draft.visible[node_id])
    # A container that always fails would lead back for ever: up to the limit of rounds, in loops in loops its square.
    origins = [member for member in body if not depth or member not in draft.maker.containers]
    if mode == IMPLICIT and origins:
        _lead_back(draft, node_id, rng.choice(origins), body[0])
    if sequential or fields["item_failure"] != "fail":
        draft.readable_bodies[node_id] = body


def _aggregate(draft: _Draft, fields: dict[str, Any], behaviour: Behaviour) -> None:
    fields["aggregation"] = draft.rng.choice(AGGREGATIONS)
    behaviour.fails_closing = fields["aggregation"] in ("merge", "reduce") and draft.rng.random() < 0.15
    if fields["aggregation"] == "first":
        # Of branches side by side it depends on time which is the first to end.
        fields["max_concurrency"] = draft.rng.choice((1, 1, 1, 2))
        draft.timed |= fields["max_concurrency"] != 1


def _lead_back(draft: _Draft, loop: str, origin: str, head: str) -> None:
    """Close a cycle, such that it ends some time: how often it is taken depends on the name of the instance only."""
    handle = "goto" if draft.maker.nodes[origin].on_error is ErrorStrategy.GOTO else "error"
    if draft.maker.nodes[origin].role is Role.BRANCH:
        handle, draft.behaviours[origin].kinds = "x", ("x", "y", "none")
    edge = PlanEdge(id=f"{origin}>>{head}", source=origin, target=head, handle=handle, origin=origin)
    container = draft.maker.containers[loop]
    draft.maker.containers[loop] = msgspec.structs.replace(container, repeats=(edge,))
    if handle != "x" and draft.behaviours[origin].kinds != ("ok",):
        draft.behaviours[origin].kinds = ("ok", "fail", "ok")


def _policies(rng: Random, feeders: int) -> dict[str, Any]:
    strategies = (ErrorStrategy.FAIL,) * 3 + (ErrorStrategy.CONTINUE, ErrorStrategy.FALLBACK, ErrorStrategy.GOTO)
    fields: dict[str, Any] = {"on_error": rng.choice(strategies), "fallback_value": "instead"}
    if feeders > 1 and rng.random() < 0.25:
        fields["join"] = JoinRule.ALL
    return fields


def _kinds(rng: Random, choices: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(rng.choice(choices) for _ in range(rng.choice((1, 1, 3))))


def _reads(draft: _Draft, node_id: str) -> tuple[str, ...]:
    """Some of what is certainly settled when the node runs: nodes before it, around it, and inside those containers."""
    candidates = sorted(draft.visible[node_id])
    for container in sorted(draft.ancestors[node_id] & draft.readable_bodies.keys()):
        candidates += draft.readable_bodies[container]
    return tuple(draft.rng.sample(candidates, min(len(candidates), draft.rng.randint(0, 3))))


def _connect(draft: _Draft, source: str, target: str) -> None:
    rng, node = draft.rng, draft.maker.nodes[source]
    body = draft.readable_bodies.get(source, [])
    sequential = source in draft.maker.containers and draft.maker.containers[source].max_concurrency == 1
    if node.role is Role.LOOP and sequential and body and rng.random() < 0.3:
        origin = rng.choice(body)
        draft.maker.edge(f"{origin} {rng.choice(('source', 'error', 'x', 'goto'))}-> {target}")
        if rng.random() < 0.5:
            return
    if rng.random() < 0.08:
        draft.maker.edge(f"{source} source-> {target}", kind="ordering")
        return
    handles = ("x", "x", "y", "source", "error") if node.role is Role.BRANCH else ("source",) * 7 + ("error",)
    if node.on_error is ErrorStrategy.GOTO:
        handles = (*handles, "goto", "goto", "goto")
    draft.maker.edge(f"{source} {rng.choice(handles)}-> {target}")
