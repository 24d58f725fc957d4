"""Attempts under named limits: who goes, who waits, and that nothing is kept by what is over (R13, R14, L8)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine import stimuli as st
from flowray.engine.plan_index import PlanIndex
from flowray.engine.signals import NodeError, Usage
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.writes import AnyWrite
from flowray.persistence.writes.limits import DeleteLimit, SaveLimit, ShareLimits
from flowray.plan import ExecutionPlan
from flowray.runtime.limiting import (
    ASK_EVERY_MS,
    SETTLE_EVERY_MS,
    LimitedExecutor,
    limited_attempts,
    pause_ms,
    spent_tokens,
)
from tests.runtime.harness import OWNER, SILENT, Desk, House, failed, request_cancel, succeeded
from tests.runtime.workflows import compiled

WORK = {"type": "http", "config": {"url": "http://x"}, "limits": ["api"]}
PLAIN = {"type": "http", "config": {"url": "http://x"}}


def fan(*names: str, node: dict[str, Any] = WORK) -> ExecutionPlan:
    """Nodes side by side behind one start."""
    nodes = {"in": {"type": "input"}, **dict.fromkeys(names, node)}
    return compiled(nodes, *(f"in -> {name}" for name in names))


class LimitedDesk(Desk):
    """A desk whose driver keeps to the limits of its store."""

    def __init__(self, *limits: SaveLimit, held: bool = False) -> None:
        super().__init__(held=held)
        self.store.commit(limits)
        self.limited = limited(self)

    @property
    def running(self) -> list[str]:
        """What was let go to a lane, without what answers at once."""
        return [task.instance for task in self.executor.tasks if task.instance != "in"]

    def begin(self, plan: ExecutionPlan, execution_id: str = "e1") -> None:
        self.start(plan, execution_id)
        self.answer("in", {}, execution_id)

    def counts(self, name: str = "api") -> tuple[int, int]:
        found = self.store.limits.status(name)
        assert found is not None
        return found.used, found.waiting


def limited(desk: Desk) -> LimitedExecutor:
    """Put limits before the desk's executor, as an orchestrator does."""
    wrapped = LimitedExecutor(OWNER, desk.executor, desk.journal, desk.driver, desk.clock)
    desk.driver._attempts.executor = desk.driver._attempts.limits = wrapped
    return wrapped


def test_no_more_attempts_go_than_are_granted_and_the_next_goes_when_one_ends() -> None:
    desk = LimitedDesk(SaveLimit(name="api", concurrency=2))
    desk.begin(fan("a", "b", "c"))
    assert desk.running == ["a", "b"]
    assert desk.counts() == (2, 1)
    desk.answer("a")
    assert desk.running == ["a", "b", "c"]
    desk.answer("b")
    desk.answer("c")
    assert desk.counts() == (0, 0)
    assert desk.row().status == "completed"


def test_nodes_without_a_limit_ask_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = LimitedDesk(SaveLimit(name="api", concurrency=1))
    asked: list[AnyWrite] = []
    commit = MemoryStore.commit
    monkeypatch.setattr(MemoryStore, "commit", lambda store, writes: asked.extend(writes) or commit(store, writes))
    desk.begin(fan("a", "b", "c", node=PLAIN))
    for name in "abc":
        desk.answer(name)
    assert desk.row().status == "completed"
    assert not [write for write in asked if isinstance(write, ShareLimits)]


def test_a_limit_that_does_not_exist_is_none_and_is_asked_for_once_a_second() -> None:
    desk = LimitedDesk()
    desk.begin(fan("a", "b", "c"))
    assert desk.running == ["a", "b", "c"]
    questions = desk.limited._count
    desk.begin(fan("a", "b"), "e2")
    assert desk.running == ["a", "b", "c", "a", "b"]
    assert desk.limited._count == questions
    # Once it is defined, it counts within that second.
    desk.store.commit([SaveLimit(name="api", concurrency=0)])
    desk.tick(1_000)
    desk.begin(fan("a"), "e3")
    assert len(desk.running) == 5


def test_a_retry_asks_anew_and_the_failed_attempt_gives_its_slot_back() -> None:
    node = {**WORK, "retry": {"maxAttempts": 2, "initialDelayMs": 5_000, "codes": ["NODE_FAILED"]}}
    desk = LimitedDesk(SaveLimit(name="api", concurrency=1))
    desk.begin(fan("a", "b", node=node))
    desk.driver.post("e1", failed(desk.task("a")))
    desk.settle()
    # Backing off holds nothing (R13).
    assert desk.running == ["a", "b"]
    desk.answer("b")
    desk.tick(5_000)
    assert desk.running == ["a", "b", "a"]
    assert desk.counts() == (1, 0)


def test_a_lost_attempt_gives_its_slot_back() -> None:
    desk = LimitedDesk(SaveLimit(name="api", concurrency=1))
    desk.begin(fan("a", "b"))
    desk.driver.post("e1", st.AttemptLost(ts=desk.clock.now, instance="a", attempt=1, reason="its io lane died"))
    desk.settle()
    assert desk.counts() == (1, 1)
    assert desk.running == ["a", "b"]


def test_cancelling_ends_what_waits_and_what_runs() -> None:
    desk = LimitedDesk(SaveLimit(name="api", concurrency=1))
    desk.begin(fan("a", "b", "c"))
    request_cancel(desk.store)
    desk.driver.deliver_inbox("e1", desk.store.inbox("e1"))
    desk.settle()
    assert desk.row().status == "cancelled"
    assert desk.running == ["a"]
    assert desk.counts() == (0, 0)


def test_an_attempt_that_is_stopped_while_its_grant_is_on_the_way_gives_it_back() -> None:
    desk = LimitedDesk(SaveLimit(name="api", concurrency=1), held=True)
    live = desk.start(fan("a"))
    while desk.journal.held:
        desk.ack()
    desk.answer("in", {})
    while not any(isinstance(write, ShareLimits) for writes, _ in desk.journal.held for write in writes):
        desk.ack()
    desk.driver._forget(live)
    while desk.journal.held:
        desk.ack()
    assert desk.running == []
    assert desk.counts() == (0, 0)


def test_a_question_that_was_not_answered_is_asked_again() -> None:
    desk = LimitedDesk(SaveLimit(name="api", concurrency=1), held=True)
    desk.start(fan("a"))
    while desk.journal.held:
        desk.ack()
    desk.answer("in", {})
    while not isinstance(desk.journal.held[0][0][0], ShareLimits):
        desk.ack()
    desk.journal.fail(RuntimeError("away"))
    desk.settle()
    assert desk.running == []
    desk.tick(ASK_EVERY_MS)
    while desk.journal.held:
        desk.ack()
    assert desk.running == ["a"]


def test_what_others_give_back_is_noticed_by_asking_again() -> None:
    desk = LimitedDesk(SaveLimit(name="api", concurrency=0))
    desk.begin(fan("a"))
    assert desk.running == []
    desk.store.commit([SaveLimit(name="api", concurrency=1)])
    desk.tick(ASK_EVERY_MS)
    assert desk.running == ["a"]


def test_a_deleted_limit_lets_go() -> None:
    desk = LimitedDesk(SaveLimit(name="api", concurrency=0))
    desk.begin(fan("a", "b"))
    desk.store.commit([DeleteLimit(name="api")])
    desk.tick(ASK_EVERY_MS)
    assert desk.running == ["a", "b"]


def test_a_slot_that_nobody_wants_is_given_back() -> None:
    """A request that is written a second time, long after its attempt has ended, must not keep its slot (L8)."""
    desk = LimitedDesk(SaveLimit(name="api", concurrency=1))
    seen: list[AnyWrite] = []
    commit = desk.store.commit
    desk.store.commit = lambda writes: seen.extend(writes) or commit(writes)  # type: ignore[method-assign,func-returns-value]
    desk.begin(fan("a"))
    desk.answer("a")
    asked = next(write for write in seen if isinstance(write, ShareLimits) and write.asks)
    desk.store.commit([asked])
    assert desk.counts() == (1, 0)
    desk.tick(SETTLE_EVERY_MS)
    assert desk.counts() == (0, 0)


def test_executions_take_turns() -> None:
    """R47."""
    desk = LimitedDesk(SaveLimit(name="api", concurrency=1))
    desk.begin(fan(*"abcd"), "e1")
    desk.begin(fan("x"), "e2")
    order = []
    for _ in range(5):
        task = [task for task in desk.executor.tasks if task.instance != "in"][-1]
        order.append(task.instance)
        desk.driver.post(task.execution_id, succeeded(task))
        desk.settle()
    assert order == ["a", "b", "x", "c", "d"]


def test_retry_after_holds_back_everybody_under_the_limit() -> None:
    desk = LimitedDesk(SaveLimit(name="api", concurrency=5))
    desk.begin(fan("a"))
    limited_answer = failed(desk.task("a"), "PROVIDER_RATE_LIMITED", retry_after_ms=3_000)
    desk.driver.post("e1", limited_answer)
    desk.settle()
    desk.begin(fan("b"), "e2")
    desk.tick(2_900)
    assert desk.running == ["a"]
    desk.tick(101)
    assert desk.running == ["a", "b"]


def test_tokens_are_corrected_by_what_was_spent() -> None:
    node = {"type": "llm", "config": {"provider": "api", "prompt": "Hi", "maxTokens": 800}}
    desk = LimitedDesk(SaveLimit(name="api", tpm=1_000))
    desk.begin(fan("a", "b", node=node))
    assert desk.running == ["a"]
    desk.answer("a", {"text": "Hello"}, usage=Usage(input_tokens=5, output_tokens=5))
    assert desk.running == ["a", "b"]


def test_a_take_over_frees_what_the_dead_owner_held() -> None:
    """The slots of a dead orchestrator come back with its lease; its attempts start again elsewhere (R13)."""
    desk_store = MemoryStore(clock := Desk().clock)
    desk_store.commit([SaveLimit(name="api", concurrency=1)])
    plan = fan("a")
    first = House(desk_store, clock, "o1", {"in": {}, "a": SILENT})
    wrap(first, "o1", desk_store)
    first.start(plan)
    assert [task.instance for task in first.executor.tasks] == ["in", "a"]
    clock.now += 3_600_000
    second = House(desk_store, clock, "o2", {"in": {}, "a": {}})
    wrap(second, "o2", desk_store)
    second.orchestrator.sweep()
    second.settle()
    clock.now += 1_000
    second.settle()
    assert [task.attempt for task in second.executor.tasks] == [2]
    status = desk_store.limits.status("api")
    assert status is not None
    assert (status.used, status.waiting) == (0, 0)


def wrap(house: House, owner_id: str, store: MemoryStore) -> None:
    driver = house.orchestrator.driver
    wrapped = LimitedExecutor(owner_id, house.executor, house.orchestrator._journal, driver, house.clock)
    driver._attempts.executor = driver._attempts.limits = wrapped


def test_what_was_adopted_counts_until_it_ends() -> None:
    """R38."""
    desk = LimitedDesk(SaveLimit(name="api", concurrency=1))
    plan = fan("a", "b", "c")
    index = PlanIndex(plan)
    assert limited_attempts(index, [("in", 1), ("a", 1)]) == [("a", 1, ("api",))]
    desk.start(plan)
    desk.limited.adopt("e1", [("a", 1, ("api",))])
    desk.settle()
    assert desk.counts() == (1, 0)
    desk.answer("in", {})
    # In this test "a" is dispatched as well; its use is the adopted one.
    assert desk.running == ["a"]
    assert desk.counts() == (1, 2)
    desk.answer("a")
    assert desk.running == ["a", "b"]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"status": 429, "headers": {"retry-after": "2"}}, 2_000),
        ({"status": 429, "headers": {}}, None),
        ({"status": 200, "headers": {"retry-after": "2"}}, None),
        ("text", None),
    ],
)
def test_an_http_answer_may_ask_for_silence(output: Any, expected: int | None) -> None:
    assert pause_ms(st.AttemptSucceeded(ts=1, instance="a", attempt=1, output=output), 0) == expected


def test_a_failure_asks_for_silence_only_if_it_is_about_the_rate() -> None:
    def failure(code: str, **details: Any) -> st.AttemptFailed:
        error = NodeError(message="no", code=code, retry_after_ms=900, details=details)
        return st.AttemptFailed(ts=1, instance="a", attempt=1, error=error)

    assert pause_ms(failure("PROVIDER_RATE_LIMITED"), 0) == 900
    assert pause_ms(failure("HTTP_STATUS", response={"status": 429}), 0) == 900
    assert pause_ms(failure("HTTP_STATUS", response={"status": 503}), 0) is None
    assert pause_ms(st.AttemptLost(ts=1, instance="a", attempt=1), 0) is None


def test_what_was_spent() -> None:
    usage = Usage(input_tokens=3, output_tokens=4)
    assert spent_tokens(st.AttemptSucceeded(ts=1, instance="a", attempt=1, usage=usage)) == 7
    assert spent_tokens(st.AttemptSucceeded(ts=1, instance="a", attempt=1)) is None
    failure = NodeError(message="no", code="X")
    assert spent_tokens(st.AttemptFailed(ts=1, instance="a", attempt=1, error=failure)) == 0
    assert spent_tokens(st.AttemptLost(ts=1, instance="a", attempt=1)) is None
