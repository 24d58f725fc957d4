"""What a lane holds for owners: attempts that run, and results of which nobody has said that they are durable (R38).

An owner may die while its attempts run on. Whoever takes its executions over adopts them: they go on under the new
owner, and what they have said so far is said again. Knows no event loop and no Ray.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence

import msgspec

from flowray.engine import stimuli as st
from flowray.handlers.handler import Cancellation
from flowray.handlers.node_task import NodeTask

RESULT_KEPT_MS = 60_000
"""How long a result is kept for a new owner: six leases, after which one has long taken over."""

EARLY_STOPS_KEPT = 10_000
"""Stops of attempts that are not here: most of them have ended, but the dispatch of one may be still under way."""

Key = tuple[str, str, int]
"""``(execution id, instance, attempt)``."""


class Adoption(msgspec.Struct, frozen=True):
    """What the new owner of an execution goes on with: ``attempts`` are ``(instance, attempt, the epoch under which it
    was started)``. All else that a lane holds of the execution is an orphan. Results carry ``incarnation`` from now on.
    """

    execution_id: str
    epoch: int
    incarnation: int
    attempts: tuple[tuple[str, int, int], ...] = ()


class HeldAttempt:
    """One attempt. ``muted``: it has been adopted, and its new owner is not ready to hear it."""

    def __init__(self, owner_id: str, task: NodeTask) -> None:
        self.owner_id = owner_id
        self.task = task
        self.incarnation = task.incarnation
        self.cancellation = Cancellation()
        self.muted = False
        self.ended_at = 0
        self._started: st.AttemptStarted | None = None
        self._tokens: list[st.TokensProduced] = []
        self._result: st.AnyStimulus | None = None

    @property
    def key(self) -> Key:
        """Which attempt it is."""
        return self.task.key

    def note(self, stimulus: st.AnyStimulus) -> None:
        """Remember what a new owner must hear again: not what was only logged."""
        if isinstance(stimulus, st.TokensProduced):
            self._tokens.append(stimulus)
        elif isinstance(stimulus, st.AttemptStarted):
            self._started = stimulus
        elif isinstance(stimulus, st.AttemptEnd):
            self._result = stimulus

    def said(self) -> list[st.AnyStimulus]:
        """All of it, the text so far in one piece."""
        again: list[st.AnyStimulus] = [] if self._started is None else [self._started]
        if self._tokens:
            text = "".join(batch.text for batch in self._tokens)
            tokens = sum(batch.tokens for batch in self._tokens)
            again.append(msgspec.structs.replace(self._tokens[0], text=text, tokens=tokens))
        return again if self._result is None else [*again, self._result]

    def signed(self, stimulus: st.AnyStimulus) -> st.AnyStimulus:
        """What it says, with the incarnation that it runs for now."""
        return msgspec.structs.replace(stimulus, incarnation=self.incarnation)


class HeldAttempts:
    """All attempts of one lane. ``results_kept``: of those that have ended, how many at most are kept for adoption."""

    def __init__(self, results_kept: int) -> None:
        self._results_kept = results_kept
        self._running: dict[Key, HeldAttempt] = {}
        self._ended: OrderedDict[Key, HeldAttempt] = OrderedDict()
        self._by_execution: dict[str, dict[Key, HeldAttempt]] = {}
        self._stopped_early: OrderedDict[tuple[str, int, Key], None] = OrderedDict()

    def __len__(self) -> int:
        """How many run."""
        return len(self._running)

    def begin(self, owner_id: str, task: NodeTask) -> HeldAttempt | None:
        """An attempt begins, unless it has been stopped. One under the same key ran ahead of a commit that never came:
        it is cancelled.
        """
        held = HeldAttempt(owner_id, task)
        dispatch = owner_id, task.incarnation, held.key
        if dispatch in self._stopped_early:
            del self._stopped_early[dispatch]
            return None
        former = self._running.get(held.key) or self._ended.get(held.key)
        if former is not None:
            self._cancel(former)
        self._running[held.key] = held
        self._by_execution.setdefault(task.execution_id, {})[held.key] = held
        return held

    def end(self, held: HeldAttempt, now_ms: int) -> None:
        """It has ended; its result is kept for a while."""
        if self._running.get(held.key) is not held:
            return
        if held.cancellation.is_cancelled or not self._results_kept:
            self._forget(held)
            return
        del self._running[held.key]
        held.ended_at = now_ms
        held.task = _without_context(held.task)
        self._ended[held.key] = held
        while self._ended:
            oldest = next(iter(self._ended.values()))
            if len(self._ended) <= self._results_kept and oldest.ended_at > now_ms - RESULT_KEPT_MS:
                break
            self._forget(oldest)

    def running(self, key: Key) -> HeldAttempt | None:
        """The attempt under way."""
        return self._running.get(key)

    def stop(self, key: Key, owner_id: str | None = None, incarnation: int = 0) -> bool:
        """Cancel one attempt, or forget its result. True if it was running.

        An owner that finds out that it has lost an execution stops what it believes to be its own; what was adopted by
        then goes on. A stop may overtake the dispatch of that ``incarnation`` (0: nobody knows): actors take calls in
        any order, and while it is asked whether a dispatch is stale, nothing has begun.
        """
        held = self._running.get(key) or self._ended.get(key)
        if held is None or owner_id not in (None, held.owner_id):
            if owner_id is not None and incarnation:
                self._stop_early(owner_id, incarnation, key)
            return False
        was_running = key in self._running
        self._cancel(held)
        return was_running

    def drop(self, execution_id: str) -> None:
        """Cancel all of an execution."""
        for held in list(self._by_execution.get(execution_id, {}).values()):
            self._cancel(held)

    def adopt(self, owner_id: str, adoption: Adoption) -> list[Key]:
        """Hand over what is wanted, muted; cancel the rest of that execution, unless a later owner has begun it."""
        adopted = []
        for held in list(self._by_execution.get(adoption.execution_id, {}).values()):
            wanted = (held.task.instance, held.task.attempt, held.task.epoch) in adoption.attempts
            if wanted and not held.cancellation.is_cancelled:
                held.owner_id, held.incarnation, held.muted = owner_id, adoption.incarnation, True
                adopted.append(held.key)
            elif held.task.epoch < adoption.epoch:
                self._cancel(held)
        return adopted

    def unmute(self, owner_id: str, execution_id: str) -> Iterator[HeldAttempt]:
        """The adopted attempts of an execution, whose new owner is ready to hear them."""
        for held in list(self._by_execution.get(execution_id, {}).values()):
            if held.muted and held.owner_id == owner_id:
                held.muted = False
                yield held

    def _stop_early(self, owner_id: str, incarnation: int, key: Key) -> None:
        self._stopped_early[owner_id, incarnation, key] = None
        if len(self._stopped_early) > EARLY_STOPS_KEPT:
            self._stopped_early.popitem(last=False)

    def _cancel(self, held: HeldAttempt) -> None:
        """It runs until it has noticed; a result is forgotten at once."""
        held.cancellation.cancel()
        if self._running.get(held.key) is not held:
            self._forget(held)

    def _forget(self, held: HeldAttempt) -> None:
        for table in (self._running, self._ended):
            if table.get(held.key) is held:
                del table[held.key]
        kept = self._by_execution.get(held.task.execution_id, {})
        if kept.get(held.key) is held:
            del kept[held.key]
            if not kept:
                del self._by_execution[held.task.execution_id]


def _without_context(task: NodeTask) -> NodeTask:
    """What tells which attempt it was: its result is all that is still wanted."""
    return NodeTask(
        execution_id=task.execution_id, instance=task.instance, node_id=task.node_id, node_type=task.node_type,
        attempt=task.attempt, tries=task.tries, epoch=task.epoch, incarnation=task.incarnation,
    )  # fmt: skip


def adoptions_by_execution(keys: Sequence[Key]) -> dict[str, set[tuple[str, int]]]:
    """Which attempts go on, by execution."""
    found: dict[str, set[tuple[str, int]]] = {}
    for execution_id, instance, attempt in keys:
        found.setdefault(execution_id, set()).add((instance, attempt))
    return found
