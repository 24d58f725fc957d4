"""Named limits under chance: owners that ask, end, stop and die, answers that are lost, requests that arrive twice and
late. Never do more attempts run than the limit allows, and after quiet nothing is held (L8).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from flowray.engine import stimuli as st
from flowray.handlers.node_task import NodeTask
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.writes import AnyResult, AnyWrite, RegisterOwner, ReleaseOwner
from flowray.persistence.writes.limits import LimitAsk, SaveLimit
from flowray.runtime.limiting import LimitedExecutor

CONCURRENCY = {"a": 3, "b": 2}
STEPS = 400
Done = Callable[[list[AnyResult] | None, Exception | None], None]


class Owner:
    """One owner's limits, with the driver, the journal and the lanes that it needs, turned by hand."""

    def __init__(self, world: World, owner_id: str) -> None:
        self.world = world
        self.id = owner_id
        self.calls: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self.sent: deque[tuple[list[AnyWrite], Done]] = deque()
        self.running: dict[tuple[str, str], NodeTask] = {}
        self.wanted: dict[tuple[str, str], NodeTask] = {}
        self.ask_at: int | None = None
        self.limited = LimitedExecutor(owner_id, self, self, self, lambda: world.now)
        world.store.commit([RegisterOwner(id=owner_id, kind="test", generation="g", lease_ms=10**9)])

    # -- what its limits see as journal and driver ----------------------------------------------------------------

    def submit(self, writes: Sequence[AnyWrite], done: Done) -> None:
        self.sent.append((list(writes), done))

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        raise AssertionError("limits never wait for the journal")

    def close(self) -> None:
        """Nothing to close."""

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        self.calls.append((function, arguments))

    def call_for_limits_at(self, due_at: int) -> None:
        self.ask_at = due_at

    def dispatch(self, tasks: Sequence[NodeTask]) -> None:
        self.limited.run([task for task in tasks if _key(task) in self.wanted])

    # -- what they see as executor --------------------------------------------------------------------------------

    def run(self, tasks: Sequence[NodeTask]) -> None:
        for task in tasks:
            assert _key(task) not in self.running
            self.running[_key(task)] = task

    def compute(self, task: NodeTask) -> None:
        return None

    def stop(self, execution_id: str, instance: str, attempt: int, incarnation: int = 0) -> None:
        self.running.pop((execution_id, instance), None)

    def obstacle(self, task: NodeTask) -> str:
        return ""

    def prune(self, payload_ids: Sequence[str]) -> None:
        """Nothing is kept."""

    def drop(self, execution_id: str) -> None:
        self.running = {key: task for key, task in self.running.items() if key[0] != execution_id}

    # -- what happens to it ---------------------------------------------------------------------------------------

    def start(self, task: NodeTask) -> None:
        self.wanted[_key(task)] = task
        self.limited.run([task])

    def end(self, key: tuple[str, str], how: str) -> None:
        task = self.wanted.pop(key)
        if how == "stopped":
            self.limited.stop(task.execution_id, task.instance, task.attempt)
            return
        self.running.pop(key)
        kind = st.AttemptLost if how == "lost" else st.AttemptSucceeded
        self.limited.heard(task.execution_id, kind(ts=0, instance=task.instance, attempt=task.attempt))

    def give_up(self, execution_id: str) -> None:
        self.wanted = {key: task for key, task in self.wanted.items() if key[0] != execution_id}
        self.limited.drop(execution_id)

    def turn(self) -> None:
        while self.calls:
            function, arguments = self.calls.popleft()
            function(*arguments)
        if self.ask_at is not None and self.ask_at <= self.world.now:
            self.ask_at = None
            self.limited.ask_again()


def _key(task: NodeTask) -> tuple[str, str]:
    return task.execution_id, task.instance


class World:
    """Some owners over one store."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 1_000_000
        self.store = MemoryStore(lambda: self.now)
        self.store.commit([SaveLimit(name=name, concurrency=most) for name, most in CONCURRENCY.items()])
        self.born = 0
        self.started = 0
        self.late: list[list[AnyWrite]] = []
        self.owners = [self.new_owner() for _ in range(3)]

    def new_owner(self) -> Owner:
        self.born += 1
        return Owner(self, f"o{self.born}")

    def step(self, *, faults: bool = True) -> None:
        self.now += self.chance.choice((0, 1, 20, 300))
        owner = self.chance.choice(self.owners)
        if owner.sent:
            self.answer(owner, faults)
        if faults and self.late and self.chance.random() < 0.05:
            self.store.commit(self.chance.choice(self.late))  # a request that somebody sent long ago
        owner.turn()
        self.check()

    def answer(self, owner: Owner, faults: bool) -> None:
        writes, done = owner.sent.popleft()
        what = self.chance.random() if faults else 1.0
        if what < 0.05:
            done(None, RuntimeError("never written"))
            return
        results = self.store.commit(writes)
        if what < 0.1:
            done(None, RuntimeError("the answer was lost"))
            return
        self.late.append(writes)
        done(results, None)

    def act(self) -> None:
        owner = self.chance.choice(self.owners)
        what = self.chance.random()
        running, waiting = list(owner.running), [key for key in owner.wanted if key not in owner.running]
        if what < 0.45:
            self.started += 1
            limits = self.chance.choice((("a",), ("b",), ("a", "b"), ("b", "a"), ("a", "none"), ("none",)))
            execution_id = f"{owner.id}-e{self.chance.randrange(4)}"
            owner.start(
                NodeTask(
                    execution_id=execution_id, instance=f"n{self.started}", node_id="n", node_type="t", limits=limits
                )
            )
        elif what < 0.85 and running:
            owner.end(self.chance.choice(running), self.chance.choice(("succeeded", "lost", "stopped")))
        elif what < 0.92 and waiting:
            owner.end(self.chance.choice(waiting), "stopped")
        elif what < 0.95:
            owner.give_up(f"{owner.id}-e{self.chance.randrange(4)}")
        elif what < 0.97:
            self.store.commit([ReleaseOwner(id=owner.id)])  # it dies with all that it runs
            self.owners[self.owners.index(owner)] = self.new_owner()

    @property
    def is_quiet(self) -> bool:
        """Nobody wants anything, nothing is under way, and nothing is held."""
        busy = any(owner.wanted or owner.sent or owner.calls for owner in self.owners)
        return not busy and not any(self.store.limits.uses(name) for name in CONCURRENCY)

    def check(self) -> None:
        for name, most in CONCURRENCY.items():
            under = [task for owner in self.owners for task in owner.running.values() if name in task.limits]
            assert len(under) <= most, f"{len(under)} attempts run under {name}"


@pytest.mark.parametrize("seed", range(25))
def test_l8_limits_are_never_exceeded_and_nothing_is_held_after_quiet(seed: int) -> None:
    world = World(seed)
    for _ in range(STEPS):
        if world.chance.random() < 0.5:
            world.act()
        world.step()
    for _ in range(20_000):
        for owner in world.owners:
            for key in list(owner.running):
                owner.end(key, "succeeded")
        world.step(faults=False)
        if world.is_quiet:
            break
    assert not any(owner.wanted for owner in world.owners), "somebody waits for ever"
    for name in CONCURRENCY:
        status = world.store.limits.status(name)
        assert status is not None
        assert (status.used, status.waiting) == (0, 0)
        assert world.store.limits.uses(name) == []


def test_the_sum_of_it_is_worth_something() -> None:
    """Chance reaches what it is there for: asks, ends, deaths and late requests."""
    world = World(1)
    for _ in range(STEPS):
        if world.chance.random() < 0.5:
            world.act()
        world.step()
    assert world.started > 50
    assert world.born > 3
    assert any(
        isinstance(ask, LimitAsk) for writes in world.late for write in writes for ask in getattr(write, "asks", ())
    )
