"""A driver or an orchestrator turned by hand: manual clock, journals that hold their answers, scripted handlers.

No thread, no sleep: ``Desk.settle`` runs turns until nothing moves any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.engine.plan_index import PlanIndex
from flowray.engine.signals import NodeError, Signals, Wait
from flowray.engine.state import ExecutionState
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import default_registry
from flowray.persistence.journal import DirectJournal
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.persistence.stores import Committer, Journal
from flowray.persistence.writes import AnyResult, AnyWrite, AppendEvents, InsertExecution, InsertInbox, RegisterOwner
from flowray.plan import ExecutionPlan, plan_hash, plan_to_json
from flowray.runtime.child_starts import ChildLimits
from flowray.runtime.driver import Driver
from flowray.runtime.live import LiveExecution
from flowray.runtime.orchestrator import Orchestrator
from flowray.runtime.ownership import LEASE_MS, OwnerIdentity

START_MS = 1_000_000
OWNER = "owner-1"

Reply = st.AttemptSucceeded | st.AttemptFailed | None
Script = Mapping[str, Any]
"""By node id: an output, or a function of the task that returns an output or a stimulus; None as stimulus: silence."""


class Clock:
    """Milliseconds, moved by hand. Plays the process's clocks and the database's."""

    def __init__(self) -> None:
        self.now = START_MS

    def __call__(self) -> int:
        return self.now


SILENT = object()


def succeeded(task: NodeTask, output: Any = None, **fields: Any) -> st.AttemptSucceeded:
    """The result of an attempt."""
    return st.AttemptSucceeded(ts=START_MS, instance=task.instance, attempt=task.attempt, output=output, **fields)


def failed(task: NodeTask, code: str = "NODE_FAILED", **fields: Any) -> st.AttemptFailed:
    """The failure of an attempt."""
    error = NodeError(message="boom", code=code, **fields)
    return st.AttemptFailed(ts=START_MS, instance=task.instance, attempt=task.attempt, error=error)


def sleeping(task: NodeTask, until_ms: int, output: Any = None) -> st.AttemptSucceeded:
    """An attempt that asks to go on later."""
    return succeeded(task, signals=Signals(wait=Wait(until_ms=until_ms, output=output)))


class ScriptedExecutor:
    """Runs attempts at once by a script, or keeps them for the test. Counts effects by idempotency key."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script
        self.tasks: list[NodeTask] = []
        self.stopped: list[tuple[str, str, int]] = []
        self.dropped: list[str] = []
        self.pruned: list[str] = []
        self.effects: Counter[str] = Counter()
        self.post: Callable[[str, st.AnyStimulus], None] = lambda execution_id, stimulus: None

    def run(self, tasks: Sequence[NodeTask]) -> None:
        for task in tasks:
            self.tasks.append(task)
            self.effects[task.idempotency_key] += not task.sentinel
            if self.script is not None:
                self._answer(task)

    def _answer(self, task: NodeTask) -> None:
        assert self.script is not None
        reply = self.script.get(task.node_id, task.node_id)
        reply = reply(task) if callable(reply) else reply
        if reply is not SILENT:
            stimulus = reply if isinstance(reply, st.Stimulus) else succeeded(task, reply)
            self.post(task.execution_id, stimulus)  # type: ignore[arg-type]

    def compute(self, task: NodeTask) -> None:
        return None

    def stop(self, execution_id: str, instance: str, attempt: int, incarnation: int = 0) -> None:
        self.stopped.append((execution_id, instance, attempt))

    def obstacle(self, task: NodeTask) -> str:
        return f"{task.node_id} is in nobody's hands"

    def prune(self, payload_ids: Sequence[str]) -> None:
        self.pruned.extend(payload_ids)

    def drop(self, execution_id: str) -> None:
        self.dropped.append(execution_id)

    @property
    def instances(self) -> list[str]:
        """What was dispatched, in order."""
        return [task.instance for task in self.tasks]


class HeldJournal:
    """Keeps what is submitted until ``ack`` or ``fail``; ``commit`` goes through at once."""

    def __init__(self, store: Committer) -> None:
        self.store = store
        self.held: list[tuple[list[AnyWrite], Callable[..., None]]] = []

    def submit(self, writes: Sequence[AnyWrite], done: Callable[..., None]) -> None:
        self.held.append((list(writes), done))

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        return self.store.commit(writes)

    def close(self) -> None:
        """Nothing to close."""

    def ack(self) -> list[AnyWrite]:
        """Make the oldest submission durable and say so."""
        writes, done = self.held.pop(0)
        done(self.store.commit(writes), None)
        return writes

    def fail(self, error: Exception) -> None:
        """The oldest submission is not written."""
        _, done = self.held.pop(0)
        done(None, error)


class Published:
    """A Publish that remembers. ``gaps`` lists what did not follow on what came before."""

    def __init__(self) -> None:
        self.by_id: dict[str, list[ev.AnyEvent]] = {}
        self.gaps: list[tuple[str, int]] = []
        self._next: dict[str, int] = {}

    def __call__(self, execution_id: str, first_seq: int, events: Sequence[ev.AnyEvent]) -> None:
        if first_seq != self._next.setdefault(execution_id, first_seq):
            self.gaps.append((execution_id, first_seq))
        self._next[execution_id] = first_seq + len(events)
        self.by_id.setdefault(execution_id, []).extend(events)

    def types(self, execution_id: str = "e1") -> list[str]:
        """Types of what was published."""
        return [ev.event_type(event) for event in self.by_id.get(execution_id, [])]


def record_of(plan: ExecutionPlan, execution_id: str = "e1", **fields: Any) -> ExecutionRecord:
    """The row of a new execution, owned by OWNER with epoch 1."""
    values: dict[str, Any] = {
        "plan_hash": plan_hash(plan),
        "owner_id": OWNER,
        "epoch": 1,
        "created_at": START_MS,
        "updated_at": START_MS,
    } | fields
    return ExecutionRecord(id=execution_id, status="queued", **values)


def insert(store: MemoryStore, plan: ExecutionPlan, execution_id: str = "e1", **fields: Any) -> ExecutionRecord:
    """Put a new execution and its plan into the store."""
    record = record_of(plan, execution_id, **fields)
    store.commit([InsertExecution(record=record, plan=plan_to_json(plan))])
    return record


def cancel_row(execution_id: str = "e1", row_id: str = "c1", **fields: Any) -> InboxRecord:
    """A request to cancel."""
    return InboxRecord(id=row_id, execution_id=execution_id, kind="cancel", **fields)


def request_cancel(store: MemoryStore, execution_id: str = "e1", row_id: str = "c1") -> AnyResult:
    """Put a cancel request into the inbox."""
    return store.commit([InsertInbox(record=cancel_row(execution_id, row_id))])[0]


def live_of(store: MemoryStore, plan: ExecutionPlan, execution_id: str = "e1", **fields: Any) -> LiveExecution:
    """A new execution, stored and in hand."""
    record = insert(store, plan, execution_id, **fields)
    return LiveExecution(record, PlanIndex(plan), ExecutionState(), record.epoch)


class Desk:
    """A driver on a desk. ``held``: the journal answers only when told to."""

    def __init__(self, script: Script | None = None, *, held: bool = False, trusted: bool = True) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.store.commit([RegisterOwner(id=OWNER, kind="test", generation="g", lease_ms=10**9)])
        self.journal: Any = HeldJournal(self.store) if held else DirectJournal(self.store)
        self.published = Published()
        self.trusted = trusted
        self.driver = Driver(self.journal, self.store, self.published, self.clock, lambda: self.trusted)
        self.executor = ScriptedExecutor(script)
        attach(self.driver, self.executor)

    def start(self, plan: ExecutionPlan, execution_id: str = "e1", **inputs: Any) -> LiveExecution:
        """A new execution, up to where nothing moves without an answer."""
        live = live_of(self.store, plan, execution_id)
        self.driver.own(live, st.Start(ts=self.clock.now, inputs=inputs))
        self.settle()
        return live

    def settle(self) -> None:
        """Turn until nothing moves."""
        settle(self.driver, self.clock)

    def answer(self, instance: str, output: Any = None, execution_id: str = "e1", **fields: Any) -> None:
        """The latest attempt of ``instance`` succeeds."""
        self.driver.post(execution_id, succeeded(self.task(instance, execution_id), output, **fields))
        self.settle()

    def task(self, instance: str, execution_id: str = "e1") -> NodeTask:
        """The latest dispatch of an instance."""
        found = [task for task in self.executor.tasks if (task.execution_id, task.instance) == (execution_id, instance)]
        return found[-1]

    def ack(self) -> None:
        """The oldest commit becomes durable."""
        self.journal.ack()
        self.settle()

    def tick(self, ms: int) -> None:
        """Time passes."""
        self.clock.now += ms
        self.settle()

    def row(self, execution_id: str = "e1") -> ExecutionRecord:
        found = self.store.execution_by_id(execution_id)
        assert found is not None
        return found

    def log(self, execution_id: str = "e1") -> list[str]:
        return [event.type for event in self.store.events.read(execution_id)]


def attach(driver: Driver, executor: ScriptedExecutor) -> None:
    """What ``Driver.start`` does, without its thread."""
    driver._attempts.executor = executor
    driver._attempts._clock_s = lambda: 0.0  # A slice of time ends when all is done.
    executor.post = driver.post


def settle(driver: Driver, clock: Clock) -> None:
    """Run turns as the driver's thread would, but never wait."""
    for _ in range(10_000):
        due_at = driver._timers.next_due()
        if driver._messages.empty() and not driver._dirty and (due_at is None or due_at > clock.now):
            # A turn without a message would wait; held-back attempts need one to be looked at.
            attempts = driver._attempts
            if attempts.undispatched and attempts._may_dispatch():
                attempts.compute(driver._do_take_many)
                attempts.dispatch()
                continue
            return
        driver._turn()
    raise AssertionError("the driver does not come to rest")


class Killed(BaseException):
    """The process is gone: nothing after this point happens in it."""


class MortalCommitter:
    """Commits to a store that outlives it; dies at the ``at``-th append, ``before`` or after writing it."""

    def __init__(self, store: MemoryStore, at: int | None = None, *, before: bool = False) -> None:
        self.store = store
        self.at = at
        self.before = before
        self.appends = 0

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        appending = any(isinstance(write, AppendEvents) for write in writes)
        self.appends += appending
        dies = appending and self.appends == self.at
        if dies and self.before:
            raise Killed
        results = self.store.commit(writes)
        if dies:
            raise Killed
        return results


class House:
    """An orchestrator without threads over a store that outlives it."""

    def __init__(
        self,
        store: MemoryStore,
        clock: Clock,
        owner_id: str,
        script: Script | None = None,
        *,
        journal: Journal | None = None,
        only: str | None = None,
        publish: Callable[..., None] | None = None,
        child_limits: ChildLimits | None = None,
        **more: Any,
    ) -> None:
        self.store, self.clock = store, clock
        self.published = publish or Published()
        self.poked: list[tuple[str, tuple[str, ...]]] = []
        identity = OwnerIdentity(id=owner_id, kind="test", generation="g", actor_name=f"actor-{owner_id}")
        self.orchestrator = Orchestrator(
            identity, journal or DirectJournal(store), store, self.published, clock, clock, only=only,
            node_types=default_registry(plugins=False).node_types, child_limits=child_limits,
            poke=lambda actor_name, execution_ids: self.poked.append((actor_name, tuple(execution_ids))), **more,
        )  # fmt: skip
        self.executor = ScriptedExecutor(script)
        attach(self.orchestrator.driver, self.executor)
        self.orchestrator.driver._children = self.orchestrator._children
        self.orchestrator._lease.register()

    def start(
        self, plan: ExecutionPlan, *execution_ids: str, deadline_at: int | None = None, **inputs: Any
    ) -> list[AnyResult]:
        more = {"inputs": inputs, "deadline_at": deadline_at, "owner_id": None}
        records = [record_of(plan, its_id, **more) for its_id in execution_ids or ("e1",)]
        results = self.orchestrator.insert_and_start(records, plan_to_json(plan))
        self.settle()
        return results

    def sweep(self) -> None:
        self.orchestrator.sweep()
        self.settle()

    def settle(self) -> None:
        """Turn, and start and stop children, until nothing moves."""
        settle(self.orchestrator.driver, self.clock)
        while jobs := self.orchestrator._children._more():
            self.orchestrator._children.work(jobs)
            settle(self.orchestrator.driver, self.clock)

    def tick(self, ms: int) -> None:
        self.clock.now += ms
        self.settle()


def expire_leases(clock: Clock) -> None:
    """Let every owner's lease run out."""
    clock.now += LEASE_MS + 1
