"""Where attempts run in the simulation: they take time, answer twice, late or never, and die with their lane."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from flowray.engine import stimuli as st
from flowray.engine.commands import COLLECT
from flowray.handlers.node_task import NodeTask
from flowray.runtime.held_attempts import Adoption
from flowray.runtime.lane import signed
from tests.simulation.behaving import Attempts, Payloads
from tests.simulation.workflows import Behaviour

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import World

Key = tuple[str, str, int]


class Attempt:
    """One attempt under way. ``place``: the lane it runs in, by number; the inline one dies with its process."""

    def __init__(self, task: NodeTask, owner: Process, place: int) -> None:
        self.task = task
        self.owner = owner
        self.place = place
        self.over = False
        self.stopped = False
        self.muted = False
        self.said: list[st.AnyStimulus] = []


class Lanes:
    """All lanes of the world. ``run`` counts as the outward act: what is dispatched here cannot be taken back."""

    COUNT = 2

    def __init__(self, world: World) -> None:
        self.world = world
        self.attempts: dict[tuple[str, Key], Attempt] = {}
        self.ended: dict[Key, Attempt] = {}
        self.adopted = self.computed = 0
        self._lost_unheard: list[Attempt] = []
        self.payloads = Payloads()
        world.ledger.whole = self.payloads.whole
        self.pruned: set[str] = set()
        self._results = Attempts(self.payloads, world.ledger.made)

    def run(self, owner: Process, task: NodeTask) -> None:
        """Begin an attempt."""
        world = self.world
        world.laws.dispatched(task)
        inline = bool(task.sentinel) or task.lane == "inline"
        attempt = Attempt(task, owner, -1 if inline else world.rng.randrange(self.COUNT))
        self.attempts[owner.lane_id, task.key] = attempt
        behaviour = world.behaviour(task)
        if task.timeout_ms is not None and world.strikes(0.05):
            self._say_started(attempt)
            attempt.over = True  # It hangs; the owner's guard will notice.
            return
        if task.timeout_ms is not None:
            self._say_started(attempt)
        result = self._results.result(world.workflow(task), task, world.now)
        at = self._stream(attempt, behaviour) if task.streams and not task.sentinel else 0
        takes = at + world.delay(0, world.rng.choice((2, 50, 1_500, 5_000)))
        world.later(takes, None, partial(self._finish, attempt, result))

    def compute(self, owner: Process, task: NodeTask) -> list[st.AnyStimulus] | None:
        """An attempt that its owner carries out by itself, in the middle of a turn; None leaves it to ``run``."""
        world = self.world
        if not (task.sentinel or task.lane == "inline") or task.sentinel == COLLECT or task.timeout_ms is not None:
            return None
        if task.streams or task.reads_stored_values or not world.computes or world.rng.random() < 0.2:
            return None
        owner.may_die("dispatch")
        world.laws.dispatched(task)
        result = self._results.result(world.workflow(task), task, world.now)
        self.computed += 1
        return [result]

    def journal(self, task: NodeTask) -> list[Any]:
        """What the steps of an instance have left, as its next one is given it."""
        return self._results.journal(task)

    def _say_started(self, attempt: Attempt) -> None:
        task = attempt.task
        started = st.AttemptStarted(ts=self.world.now, instance=task.instance, attempt=task.attempt)
        self._deliver(attempt, started, 1)

    def _stream(self, attempt: Attempt, behaviour: Behaviour) -> int:
        task, at = attempt.task, 0
        for number in range(behaviour.tokens):
            at += self.world.delay(1, 30)
            tokens = st.TokensProduced(
                ts=self.world.now + at, instance=task.instance, attempt=task.attempt, stream_id=task.stream_id,
                offset=task.stream_offset + number * 2, text="ab", tokens=1,
            )  # fmt: skip
            self.world.later(at, attempt.owner, partial(self._say, attempt, tokens))
        return at

    def _say(self, attempt: Attempt, stimulus: st.AnyStimulus) -> None:
        if not attempt.over and not attempt.stopped and self._lives(attempt):
            attempt.said.append(stimulus)
            if not attempt.muted:
                _hearer(attempt.owner).hear(attempt.task.execution_id, signed(attempt.task, stimulus))

    def _lives(self, attempt: Attempt) -> bool:
        return attempt.place >= 0 or not _hearer(attempt.owner).dead

    def _finish(self, attempt: Attempt, result: st.AnyStimulus) -> None:
        name = (attempt.owner.lane_id, attempt.task.key)
        if self.attempts.get(name) is attempt:
            del self.attempts[name]
            if attempt.place >= 0 and not attempt.over:
                self.ended[attempt.task.key] = attempt
        if attempt.over or not self._lives(attempt):
            return
        attempt.over = True
        if attempt.stopped and self.world.rng.random() < 0.7:
            return  # Usually a cancelled attempt is silent; sometimes its answer was already on its way.
        self._deliver(attempt, result, 2)
        if self.world.strikes(0.04):
            self._deliver(attempt, result, self.world.rng.choice((5, 500, 20_000)))
        if self.world.strikes(0.02):
            lost = self._lost(attempt, "its lane's call was lost")
            self._deliver(attempt, lost, self.world.rng.choice((5, 500)))

    def _deliver(self, attempt: Attempt, stimulus: st.AnyStimulus, within: int) -> None:
        owner = _hearer(attempt.owner)
        execution_id = attempt.task.execution_id
        if not isinstance(stimulus, st.AttemptLost):
            attempt.said.append(stimulus)
        if attempt.muted:
            return
        said = signed(attempt.task, stimulus)
        self.world.later(self.world.delay(0, within), owner, partial(owner.hear, execution_id, said))

    def _lost(self, attempt: Attempt, reason: str) -> st.AttemptLost:
        task = attempt.task
        return st.AttemptLost(ts=self.world.now, instance=task.instance, attempt=task.attempt, reason=reason)

    def adopt(self, owner: Process, adoptions: Sequence[Adoption]) -> list[Key]:
        """What a new owner wants and a lane still has; the rest of its executions is cancelled (R38)."""
        found: list[Key] = []
        silent = self.world.strikes(0.1)
        for adoption in adoptions:
            mine = [kept for kept in self.ended.values() if kept.task.execution_id == adoption.execution_id]
            mine += [kept for (_, key), kept in self.attempts.items() if key[0] == adoption.execution_id]
            held = Counter((kept.task.instance, kept.task.attempt, kept.task.epoch) for kept in mine)
            for attempt in mine:
                task = attempt.task
                certain = held[task.instance, task.attempt, task.epoch] == 1
                wanted = not silent and certain and (task.instance, task.attempt, task.epoch) in adoption.attempts
                if wanted and attempt.place >= 0 and not attempt.stopped and (not attempt.over or attempt.said):
                    self._hand_over(attempt, owner, adoption)
                    found.append(task.key)
                elif task.epoch < adoption.epoch:
                    attempt.stopped = True
                    if self.ended.get(task.key) is attempt:  # An earlier owner's attempt may have the same number.
                        del self.ended[task.key]
        self.adopted += len(found)
        return found

    def _hand_over(self, attempt: Attempt, owner: Process, adoption: Adoption) -> None:
        key = attempt.task.key
        if self.attempts.pop((attempt.owner.lane_id, key), None) is not None:
            self.attempts[owner.lane_id, key] = attempt
        attempt.owner, attempt.muted = owner, True
        attempt.task = msgspec.structs.replace(attempt.task, incarnation=adoption.incarnation)

    def deliver(self, owner: Process, execution_ids: Sequence[str]) -> None:
        """The new owner hears again what its adopted attempts have said, and of those whose lane has died meanwhile."""
        unheard, self._lost_unheard = self._lost_unheard, []
        for attempt in unheard:
            if attempt.owner is owner and attempt.task.execution_id in execution_ids:
                attempt.muted = False
                self._deliver(attempt, self._lost(attempt, "its lane died"), 50)
            else:
                self._lost_unheard.append(attempt)
        for attempt in [*self.ended.values(), *self.attempts.values()]:
            if attempt.muted and attempt.owner is owner and attempt.task.execution_id in execution_ids:
                attempt.muted = False
                for stimulus in attempt.said:
                    owner.hear(attempt.task.execution_id, signed(attempt.task, stimulus))

    def crash(self, place: int) -> None:
        """A lane's process dies; owners hear of it, some of them after a late answer."""
        self._lost_unheard += [kept for kept in self.ended.values() if kept.place == place and kept.muted]
        self.ended = {key: kept for key, kept in self.ended.items() if kept.place != place}
        for name, attempt in list(self.attempts.items()):
            if attempt.place == place and not attempt.over:
                attempt.over = True
                del self.attempts[name]
                if attempt.muted:
                    self._lost_unheard.append(attempt)
                elif not attempt.stopped:
                    self._deliver(attempt, self._lost(attempt, "its lane died"), 50)

    def stop(self, owner: Process, key: Key) -> None:
        """Cancel one attempt."""
        found = self.attempts.get((owner.lane_id, key))
        if found is not None:
            found.stopped = True

    def drop(self, owner: Process, execution_id: str) -> None:
        """Cancel what of an execution one owner runs."""
        for (lane_id, key), attempt in self.attempts.items():
            if lane_id == owner.lane_id and key[0] == execution_id:
                attempt.stopped = True


def _hearer(owner: Process) -> Process:
    while owner.heir is not None:
        owner = owner.heir
    return owner
