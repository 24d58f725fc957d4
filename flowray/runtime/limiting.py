"""Named limits, as an owner of executions keeps to them: attempts wait here, before they go to any lane.

An Executor around the real one. It decides nothing: what is free, and who is next in the whole cluster, the database
says. All methods run on the driver's thread, so an attempt that is stopped while it waits is simply forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flowray.engine import stimuli as st
from flowray.engine.instances import split_instance
from flowray.engine.plan_index import PlanIndex
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.node_task import NodeTask
from flowray.handlers.retry_after import retry_after_ms
from flowray.persistence.stores import Journal
from flowray.persistence.writes import AnyResult
from flowray.persistence.writes.limits import LimitAsk, LimitEnd, LimitPause, Shared, ShareLimits
from flowray.runtime.executor import Executor

logger = logging.getLogger(__name__)

ASK_EVERY_MS = 250
"""How often is asked again while attempts wait: what other processes give back is noticed no sooner."""

SWEEP_EVERY_MS = 1_000
"""How often what dead owners hold is looked for while attempts wait."""

SETTLE_EVERY_MS = 5_000
SETTLE_FOR_MS = 60_000
"""How often and how long is asked after the last use: a request that arrives twice, late, may have taken a slot that
nobody wants. The answer names it, and it is given back."""

UNKNOWN_MS = 1_000
"""How long a name is believed to be no limit. So nodes whose provider has no limit cost one question a second."""


class Desk(Protocol):
    """What the driver does for its limits."""

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Run it on the driver's thread. Thread-safe."""
        ...

    def call_for_limits_at(self, due_at: int) -> None:
        """Call ``ask_again`` then, ms since the epoch."""
        ...

    def dispatch(self, tasks: Sequence[NodeTask]) -> None:
        """Send attempts on their way again, those that are still wanted."""
        ...


@dataclass
class _Use:
    """One attempt under its limits. ``task`` waits with it, None for an attempt that was adopted. ``exists``: in the
    database, too; it has none of the limits otherwise.
    """

    ask: LimitAsk
    task: NodeTask | None = None
    granted: bool = False
    exists: bool = True


class LimitedExecutor:
    """Lets an attempt go once all its limits have granted it, and gives back what it held when it ends.

    At most one question to the database is under way, and what comes meanwhile goes with the next.
    """

    def __init__(self, owner_id: str, inner: Executor, journal: Journal, desk: Desk, now_ms: Callable[[], int]) -> None:
        self._owner_id = owner_id
        self._inner = inner
        self._journal = journal
        self._desk = desk
        self._now_ms = now_ms
        self._uses: dict[str, dict[tuple[str, int], _Use]] = {}  # by execution, by instance and attempt
        self._by_id: dict[str, _Use] = {}
        self._asks: dict[str, LimitAsk] = {}
        self._adopted: dict[str, LimitAsk] = {}
        self._ends: dict[str, LimitEnd] = {}
        self._pauses: list[LimitPause] = []
        self._unknown: dict[str, int] = {}
        self._count = 0
        self._is_asking = False
        self._swept_at = 0
        self._used_at = 0

    # -- Executor -------------------------------------------------------------------------------------------------

    def run(self, tasks: Sequence[NodeTask]) -> None:
        """Dispatch attempts that may go; the others wait."""
        free = [task for task in tasks if not task.limits or self._may_go(task)]
        if free:
            self._inner.run(free)
        self._ask()

    def compute(self, task: NodeTask) -> Sequence[st.AnyStimulus] | None:
        """What is under limits is dispatched, when they allow it."""
        return None if task.limits else self._inner.compute(task)

    def stop(self, execution_id: str, instance: str, attempt: int, incarnation: int = 0) -> None:
        """Stop one attempt, or forget that it waits."""
        use = self._uses.get(execution_id, {}).get((instance, attempt))
        if use is not None:
            self._end(use)
            self._ask()
        self._inner.stop(execution_id, instance, attempt, incarnation)

    def obstacle(self, task: NodeTask) -> str:
        """No limit is, once it has been dispatched."""
        return self._inner.obstacle(task)

    def prune(self, payload_ids: Sequence[str]) -> None:
        """Nothing of it concerns limits."""
        self._inner.prune(payload_ids)

    def drop(self, execution_id: str) -> None:
        """The execution has ended, or has another owner."""
        for use in list(self._uses.get(execution_id, {}).values()):
            self._end(use)
        self._ask()
        self._inner.drop(execution_id)

    # -- what the driver tells ------------------------------------------------------------------------------------

    def heard(self, execution_id: str, stimulus: st.AnyStimulus) -> None:
        """An attempt reports; if that is its end, what it held is given back."""
        uses = self._uses.get(execution_id)
        if not uses or not isinstance(stimulus, st.AttemptEnd):
            return
        use = uses.get((stimulus.instance, stimulus.attempt))
        if use is None:
            return
        delay_ms = pause_ms(stimulus, self._now_ms())
        if delay_ms:
            self._pauses += [LimitPause(name, delay_ms) for name in use.ask.limits]
        self._end(use, spent_tokens(stimulus))
        self._ask()

    def holds(self, task: NodeTask) -> bool:
        """Whether it waits here."""
        use = self._uses.get(task.execution_id, {}).get((task.instance, task.attempt))
        return use is not None and not use.granted

    def adopt(self, execution_id: str, attempts: Sequence[tuple[str, int, tuple[str, ...]]]) -> None:
        """These attempts, ``(instance, attempt, limits)``, run on although their owner has died: they keep what they
        have, or nobody would count them (R38)."""
        for instance, attempt, limits in attempts:
            ask = self._new_ask(execution_id, instance, attempt, limits)
            self._keep(_Use(ask, granted=True))
            self._adopted[ask.id] = ask
        self._ask()

    def ask_again(self) -> None:
        """The time has come to look whether others have given something back."""
        self._ask(anyway=True)

    # -- uses -----------------------------------------------------------------------------------------------------

    def _may_go(self, task: NodeTask) -> bool:
        now = self._now_ms()
        use = self._uses.get(task.execution_id, {}).get((task.instance, task.attempt))
        if use is not None:
            return use.granted
        names = tuple(name for name in task.limits if self._unknown.get(name, 0) <= now)
        if not names:
            return True
        ask = self._new_ask(task.execution_id, task.instance, task.attempt, names, task.estimated_tokens)
        self._keep(_Use(ask, task))
        self._asks[ask.id] = ask
        return False

    def _new_ask(
        self, execution_id: str, instance: str, attempt: int, limits: tuple[str, ...], tokens: int = 0
    ) -> LimitAsk:
        self._count += 1
        return LimitAsk(f"{self._owner_id}.{self._count:012}", execution_id, instance, attempt, limits, tokens)

    def _keep(self, use: _Use) -> None:
        ask = use.ask
        self._uses.setdefault(ask.execution_id, {})[ask.instance, ask.attempt] = use
        self._by_id[ask.id] = use

    def _end(self, use: _Use, tokens: int | None = None) -> None:
        ask = use.ask
        of_execution = self._uses[ask.execution_id]
        del of_execution[ask.instance, ask.attempt]
        if not of_execution:
            del self._uses[ask.execution_id]
        del self._by_id[ask.id]
        self._adopted.pop(ask.id, None)
        if self._asks.pop(ask.id, None) is None and use.exists:
            self._ends[ask.id] = LimitEnd(ask.id, tokens)

    # -- the database ---------------------------------------------------------------------------------------------

    def _ask(self, *, anyway: bool = False) -> None:
        if self._is_asking or not (self._asks or self._adopted or self._ends or self._pauses or anyway):
            return
        now = self._now_ms()
        if not anyway:
            self._used_at = now
        sweep = now - self._swept_at >= SWEEP_EVERY_MS
        if sweep:
            self._swept_at = now
        write = ShareLimits(
            owner_id=self._owner_id, asks=tuple(self._asks.values()), adopted=tuple(self._adopted.values()),
            ends=tuple(self._ends.values()), pauses=tuple(self._pauses), sweep=sweep,
        )  # fmt: skip
        self._asks, self._adopted, self._ends, self._pauses = {}, {}, {}, []
        self._is_asking = True
        try:
            self._journal.submit([write], lambda results, _: self._desk.call(self._answered, write, results))
        except FlowrayError:
            self._answered(write, None)

    def _answered(self, write: ShareLimits, results: list[AnyResult] | None) -> None:
        self._is_asking = False
        shared = results[0] if results is not None else None
        if results is None:
            self._take_back(write)
        if isinstance(shared, Shared):
            now = self._now_ms()
            self._unknown = {name: until for name, until in self._unknown.items() if until > now}
            self._unknown.update(dict.fromkeys(shared.unknown, now + UNKNOWN_MS))
            self._granted(write, shared)
            self._plan_next(shared)
            self._ask(anyway=shared.more)
        elif results is None:
            self._desk.call_for_limits_at(self._now_ms() + ASK_EVERY_MS)
        else:
            logger.warning("flowray: the limits were not shared out to %s: %s", self._owner_id, shared)

    def _take_back(self, write: ShareLimits) -> None:
        """It may not have been written: it is sent again, but for what has ended meanwhile."""
        for asks, again in ((write.asks, self._asks), (write.adopted, self._adopted)):
            again.update((ask.id, ask) for ask in asks if ask.id in self._by_id)
        self._ends = {**{end.id: end for end in write.ends}, **self._ends}
        self._pauses = [*write.pauses, *self._pauses]

    def _granted(self, write: ShareLimits, shared: Shared) -> None:
        unknown = set(shared.unknown)
        free = {ask.id for ask in write.asks if unknown.issuperset(ask.limits)}
        going = []
        for use_id in shared.granted:
            use = self._by_id.get(use_id)
            if use is None:
                # It has ended meanwhile, or a request came twice.
                if use_id not in free:
                    self._ends.setdefault(use_id, LimitEnd(use_id))
            elif not use.granted:
                use.granted, use.exists = True, use_id not in free
                if use.task is not None:
                    going.append(use.task)
        if going:
            self._desk.dispatch(going)

    def _plan_next(self, shared: Shared) -> None:
        now = self._now_ms()
        if any(not use.granted for use in self._by_id.values()):
            delay_ms = ASK_EVERY_MS if shared.wait_ms is None else min(max(shared.wait_ms, 1), ASK_EVERY_MS)
            self._desk.call_for_limits_at(now + delay_ms)
        elif now - self._used_at < SETTLE_FOR_MS:
            self._desk.call_for_limits_at(now + SETTLE_EVERY_MS)


def spent_tokens(stimulus: st.AttemptEnd) -> int | None:
    """What an attempt really spent; None where nobody knows, so that the estimate stands.

    A provider that answers with an error has spent nothing, unless it says so.
    """
    if isinstance(stimulus, st.AttemptLost):
        return None
    if stimulus.usage is not None:
        return stimulus.usage.input_tokens + stimulus.usage.output_tokens
    return 0 if isinstance(stimulus, st.AttemptFailed) else None


def pause_ms(stimulus: st.AttemptEnd, now_ms: int) -> int | None:
    """How long a provider that answered 429 wants to hear nothing; None if it said nothing of the kind.

    The http node may give such an answer as its output.
    """
    if isinstance(stimulus, st.AttemptFailed):
        error = stimulus.error
        response = error.details.get("response")
        status = response.get("status") if isinstance(response, dict) else error.details.get("status")
        limited = error.code == ErrorCode.PROVIDER_RATE_LIMITED.value or status == 429
        return error.retry_after_ms if limited else None
    output = stimulus.output if isinstance(stimulus, st.AttemptSucceeded) else None
    if isinstance(output, dict) and output.get("status") == 429 and isinstance(output.get("headers"), dict):
        return retry_after_ms(output["headers"].get("retry-after"), now_ms)
    return None


def limited_attempts(index: PlanIndex, attempts: Iterable[tuple[str, int]]) -> list[tuple[str, int, tuple[str, ...]]]:
    """``(instance, attempt, limits)`` of those that run under any."""
    found = [
        (instance, attempt, index.nodes[split_instance(instance)[1]].node.limits) for instance, attempt in attempts
    ]
    return [item for item in found if item[2]]
