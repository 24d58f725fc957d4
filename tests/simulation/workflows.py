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
from flowray.plan import ROOT, ExecutionPlan, PlanEdge, PlanRetry
from tests.engine.plans import PlanMaker

PLAIN_KINDS = ("ok",) * 9 + ("fail", "flaky", "flaky", "wait", "wait", "terminal", "port")
BRANCH_KINDS = ("x", "x", "y", "xy", "none", "ok", "fail")
RARE_KINDS = ("ask", "finish")
MOST_DEPTH = 2
FAILURE_CODE = "BAD"


@dataclass
class Behaviour:
    """What attempts of one node do. ``kinds`` is chosen from by the instance's name, never by time or attempt.

    ``size``: items of a container, or rounds of a conditional one. ``goes_on``: rounds that the
    condition of a loop over items allows. ``failures``: tries that a flaky node fails.
    """

    kinds: tuple[str, ...] = ("ok",)
    size: int = 0
    goes_on: int = 0
    failures: int = 1
    wait_ms: int = 0
    tokens: int = 0
    counts: bool = False
    reads: tuple[str, ...] = ()

    def kind(self, instance: str) -> str:
        """How an instance behaves."""
        if len(self.kinds) == 1:
            return self.kinds[0]
        return self.kinds[zlib.crc32(instance.encode()) % len(self.kinds)]


@dataclass
class Workflow:
    """A plan with its behaviours. ``timed``: its outcome depends on times, so the reference cannot tell it."""

    plan: ExecutionPlan
    behaviours: dict[str, Behaviour]
    timed: bool = False


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
    left: int = 14


def random_workflow(rng: Random) -> Workflow:
    """A workflow of up to fourteen nodes, containers within containers."""
    policy = rng.choice((OnFailure.RUN_INDEPENDENT,) * 4 + (OnFailure.FINISH_RUNNING, OnFailure.CANCEL_RUNNING))
    settings: dict[str, Any] = {"max_concurrent_nodes": rng.choice((1, 2, 3, 10)), "on_failure": policy}
    draft = _Draft(rng, PlanMaker(**settings))
    draft.maker.variables = {"n": 0}
    if rng.random() < 0.03:
        draft.maker.settings = type(draft.maker.settings)(**settings, timeout_ms=rng.choice((5_000, 60_000)))
        draft.timed = True
    _fill(draft, ROOT, 0, rng.randint(1, 7), set())
    return Workflow(draft.maker.build(), draft.behaviours, draft.timed)


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
    behaviour = Behaviour(kinds=_kinds(rng, BRANCH_KINDS if branch else PLAIN_KINDS), counts=rng.random() < 0.2)
    if rng.random() < 0.02:
        behaviour.kinds, draft.timed = (rng.choice(RARE_KINDS),), True
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
    behaviour.failures, behaviour.wait_ms = rng.randint(1, 2), rng.choice((5, 300, 4_000, 20_000))
    fields["retry"] = PlanRetry(max_attempts=rng.randint(1, 3), initial_delay_ms=rng.choice((10, 1_000)), jitter=0.5)
    role = Role.BRANCH if branch else Role.OUTPUT if not depth and rng.random() < 0.08 else Role.PLAIN
    if role is Role.OUTPUT:
        fields["on_error"] = ErrorStrategy.FAIL
    behaviour.reads = _reads(draft, node_id)
    draft.behaviours[node_id] = behaviour
    draft.maker.node(node_id, scope=scope, role=role, reads=behaviour.reads, **fields)


def _add_container(draft: _Draft, node_id: str, scope: str, depth: int, feeders: int) -> None:
    rng = draft.rng
    is_loop = rng.random() < 0.6
    fields: dict[str, Any] = _policies(rng, feeders)
    fields["item_failure"] = rng.choice(("fail", "continue", "collect"))
    fields["max_iterations"] = rng.choice((None, None, None, 1, 2))
    kinds = ("ok",) if rng.random() < 0.92 else ("fail",)
    behaviour = Behaviour(kinds=kinds, size=rng.choice((0, 1, 2, 2, 3, 4)), reads=_reads(draft, node_id))
    mode = rng.choice(("forEach", "forEach", "while", "doWhile", IMPLICIT) if is_loop else ("collection", "count"))
    if mode == IMPLICIT:
        behaviour.kinds, fields["max_iterations"] = ("ok",), None
    sequential = mode in ("while", "doWhile", IMPLICIT) or (is_loop and rng.random() < 0.8)
    fields["max_concurrency"] = 1 if sequential else rng.choice((0, 2))
    if not sequential and fields["item_failure"] == "fail":
        # Which items had started when one failed depends on time; that the container fails does not.
        fields["on_error"] = ErrorStrategy.FAIL
    if mode == "forEach" and sequential and rng.random() < 0.2:
        fields["asks_each_round"], behaviour.goes_on = True, rng.randint(0, 3)
    draft.behaviours[node_id] = behaviour
    add = draft.maker.loop if is_loop else draft.maker.parallel
    add(node_id, mode, scope=scope, reads=behaviour.reads, **fields)
    body = _fill(draft, node_id, depth + 1, rng.randint(1, 3), draft.visible[node_id])
    if mode == IMPLICIT:
        _lead_back(draft, node_id, rng.choice(body), body[0])
    if sequential or fields["item_failure"] != "fail":
        draft.readable_bodies[node_id] = body


def _lead_back(draft: _Draft, loop: str, origin: str, head: str) -> None:
    """Close a cycle, such that it ends some time: how often it is taken depends on the name of the instance only."""
    handle = "error"
    if draft.maker.nodes[origin].role is Role.BRANCH:
        handle, draft.behaviours[origin].kinds = "x", ("x", "y", "none")
    edge = PlanEdge(id=f"{origin}>>{head}", source=origin, target=head, handle=handle, origin=origin)
    container = draft.maker.containers[loop]
    draft.maker.containers[loop] = msgspec.structs.replace(container, repeats=(edge,))
    if handle == "error" and draft.behaviours[origin].kinds != ("ok",):
        draft.behaviours[origin].kinds = ("ok", "fail", "ok")


def _policies(rng: Random, feeders: int) -> dict[str, Any]:
    strategies = (ErrorStrategy.FAIL,) * 3 + (ErrorStrategy.CONTINUE, ErrorStrategy.FALLBACK)
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
        draft.maker.edge(f"{origin} {rng.choice(('source', 'error', 'x'))}-> {target}")
        if rng.random() < 0.5:
            return
    if rng.random() < 0.08:
        draft.maker.edge(f"{source} source-> {target}", kind="ordering")
        return
    handles = ("x", "x", "y", "source", "error") if node.role is Role.BRANCH else ("source",) * 7 + ("error",)
    draft.maker.edge(f"{source} {rng.choice(handles)}-> {target}")
