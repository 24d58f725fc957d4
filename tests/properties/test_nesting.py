"""Loops and parallels in one another, with breaks, failures and variables: order of completion changes nothing (L4)."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from flowray.engine.signals import Signals, VariableOperation
from flowray.plan import ExecutionPlan
from tests.engine.harness import Reply, Run, err, ok
from tests.engine.plans import PlanMaker

STEPS = ("add", "append", "fail", "break", "read")
KINDS = ("loop", "wide loop", "parallel", "reducing parallel")
POLICIES = ("fail", "continue", "collect")


class Nest:
    """A random nest, with what each node does. ``total`` is the number of scopes of every container."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.maker = PlanMaker(max_concurrent_nodes=draw(some.integers(1, 5)))
        self.maker.variables = {"n": 0, "log": []}
        self.does: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        self._fill("", 0)

    def _fill(self, scope: str, depth: int) -> None:
        previous: str | None = None
        for _ in range(self.draw(some.integers(1, 3 if depth else 2))):
            node_id = f"n{len(self.maker.nodes)}"
            inner = depth < 3 and self.draw(some.integers(0, 2)) == 0
            if inner:
                self._container(node_id, scope, depth)
            else:
                # Only a node directly in a sequential loop may break: what runs beside it would depend on timing.
                breakable = bool(scope) and self.sizes[scope] and self.maker.containers[scope].max_concurrency == 1
                choice = self.draw(some.sampled_from(STEPS))
                self.does[node_id] = "add" if choice == "break" and not breakable else choice
                self.maker.node(node_id, scope=scope)
            if previous is not None and self.draw(some.booleans()):
                self.maker.edge(f"{previous} -> {node_id}")
            previous = node_id

    def _container(self, node_id: str, scope: str, depth: int) -> None:
        kind = self.draw(some.sampled_from(KINDS))
        fields: dict[str, Any] = {"scope": scope, "item_failure": self.draw(some.sampled_from(POLICIES))}
        if kind.endswith("loop"):
            self.maker.loop(node_id, "for", max_concurrency=2 if kind.startswith("wide") else 1, **fields)
        else:
            fields["aggregation"] = "reduce" if kind.startswith("reducing") else "collect"
            self.maker.parallel(node_id, "count", **fields)
        self.sizes[node_id] = self.draw(some.integers(0, 3))
        self._fill(node_id, depth + 1)

    def plan(self) -> ExecutionPlan:
        """The plan."""
        return self.maker.build()

    def script(self) -> dict[str, Any]:
        """Replies that follow from the instance alone."""
        return dict.fromkeys(self.maker.nodes, self._reply)

    def _reply(self, call: Any, seen: Any) -> Reply:
        if call.sentinel == "close":
            return ok({"reduced": seen.containers[call.node_id]["results"]})
        if call.sentinel:
            return ok({"total": self.sizes[call.node_id]})
        match self.does[call.node_id]:
            case "add":
                return ok(call.instance, variables=(VariableOperation("increment", "n", 1),))
            case "append":
                return ok(call.instance, variables=(VariableOperation("append", "log", call.instance),))
            case "fail":
                return err() if len(call.instance) % 3 == 0 else ok(call.instance)
            case "break":
                return Reply(output=call.instance, signals=Signals(loop_control="break"))
            case _:
                return ok(call.instance)


@some.composite
def nests(draw: Any) -> Nest:
    """Any nest up to three deep."""
    return Nest(draw)


def outcome(played: Run) -> Any:
    """What must not depend on the order: the end, the outputs and counts; the log only as a set."""
    log = played.state.variables["log"]
    completed = sorted(event.instance for event in played.of_type("node.completed"))
    return played.ended, played.statuses(), played.state.variables["n"], sorted(log), completed


def stops_early(nest: Nest) -> bool:
    """Whether a failing item may keep others from starting, which depends on what ran before it."""
    return "fail" in nest.does.values() and any(
        container.item_failure == "fail" and container.max_concurrency != 1
        for container in nest.maker.containers.values()
    )


@settings(max_examples=120)
@given(nest=nests(), seed=some.randoms(use_true_random=False))
def test_l4_any_order_of_completion_gives_the_same_end(nest: Nest, seed: Any) -> None:
    plan, script = nest.plan(), nest.script()
    first = Run(plan, script).start().play()
    assert first.ended in ("completed", "failed")
    other = Run(plan, script, pick=lambda calls: seed.randrange(len(calls))).start().play()
    if stops_early(nest):
        assert other.ended == first.ended
    else:
        assert outcome(other) == outcome(first)


@settings(max_examples=80)
@given(nest=nests(), crash_after=some.integers(0, 25))
def test_r29_an_owner_may_die_anywhere(nest: Nest, crash_after: int) -> None:
    plan, script = nest.plan(), nest.script()
    calm = Run(plan, script).start().play()
    played = Run(plan, script).start()
    for _ in range(crash_after):
        played.move()
    if played.ended is None:
        played.crash_and_recover()
        played.play()
    if stops_early(nest):
        assert played.ended == calm.ended
    else:
        assert outcome(played) == outcome(calm)


@settings(max_examples=60)
@given(nest=nests())
def test_resident_bytes_add_up(nest: Nest) -> None:
    """What is counted as resident is what is there."""
    played = Run(nest.plan(), nest.script()).start()
    moving = True
    while moving:
        there = sum(node.bytes for scope in played.state.scopes.values() for node in scope.nodes.values())
        there += sum(container.result_bytes for container in played.state.containers.values())
        assert played.state.resident_bytes == there
        moving = played.move()
