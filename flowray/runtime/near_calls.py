"""Short calls beside the driver: nodes that have answered within milliseconds again and again run on a loop in the same
process (R44). Of a chain of effects only the commits remain.

What may take long has its place in a lane, where it outlives the orchestrator (R38): a node has to earn this one.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import msgspec

from flowray.engine import stimuli as st
from flowray.handlers.node_task import NodeTask
from flowray.runtime.dispatch_lease import DispatchLease
from flowray.runtime.held_attempts import Adoption, Key
from flowray.runtime.lane import Lane, Report
from flowray.runtime.loop_lane import LoopLane

SHORT_MS = 15
"""Less than what the way to a lane and back and its commits take together a few times over."""

TIMES_SHORT = 5
"""How often in a row a node must have been short."""

AT_ONCE = 8
"""Calls side by side here, at most: what spreads out gains nothing, and takes time from the driver."""

LIGHT_AT_ONCE = 256
"""The same while they are light: a call then takes no more of this process than to send it away and hear of it."""

LIGHT_US = 120
"""Processor time of a light one."""

FADING = 0.2
"""How much the latest calls count in the mean of their processor time."""

NODES_KEPT = 10_000

DRAIN_S = 5.0
"""How long calls may take to end once no more are wanted."""


class NearCalls:
    """Runs attempts beside a driver. Thread-safe: lanes report on threads of their own.

    ``may``: whether nodes of a type never keep an event loop busy. ``lease`` is that of the driver's owner. ``taken``
    counts what has run here. ``thread_time_us``: processor time of the calling thread.
    """

    def __init__(
        self,
        owner_id: str,
        lane: Lane,
        deliver: Callable[[Report], None],
        lease: Callable[[], DispatchLease | None],
        may: Callable[[str], bool],
        thread_time_us: Callable[[], float] = lambda: time.thread_time_ns() / 1_000,
    ) -> None:
        self._owner_id = owner_id
        self._lane = lane
        self._deliver = deliver
        self._lease = lease
        self._may = may
        self._loop = LoopLane(owner_id, lane, self._delivered, "flowray-near")
        self._history = _History()
        self._under_way: dict[str, dict[tuple[str, int], _Node]] = {}  # by execution, wherever they run
        self._here: dict[Key, int] = {}  # with the incarnation of its dispatch
        self._cost = _Cost(thread_time_us)
        self._closing = False
        self.taken = 0
        self._changed = threading.Condition()

    def start(self) -> None:
        """Start the loop."""
        self._loop.start()

    def drain(self) -> None:
        """Take no more, and wait a while for what runs here: an effect that was made should not be made again."""
        with self._changed:
            self._closing = True
            self._changed.wait_for(lambda: not self._here, DRAIN_S)

    def close(self) -> None:
        """End what runs here."""
        self._loop.close()

    def take(self, tasks: Sequence[NodeTask]) -> tuple[list[NodeTask], list[NodeTask]]:
        """Run here what has been short. Returns what that is, and the others, which go to lanes and are learned of."""
        here: list[NodeTask] = []
        others: list[NodeTask] = []
        with self._changed:
            at_once = LIGHT_AT_ONCE if self._cost.is_light else AT_ONCE
            for task in tasks:
                if not self._is_fit(task):
                    others.append(task)
                    continue
                node = _node(task)
                self._under_way.setdefault(task.execution_id, {})[task.instance, task.attempt] = node
                if self._closing or len(self._here) >= at_once or not self._history.is_short(node):
                    others.append(task)
                    continue
                self._here[task.key] = task.incarnation
                here.append(task)
        if here:
            self.taken += len(here)
            self._loop.run(here, self._lease())
        return here, others

    def stop(self, key: Key) -> bool:
        """Stop an attempt, also one that has not begun yet. True if it is here."""
        with self._changed:
            incarnation = self._here.get(key)
            if incarnation is None:
                return False
            self._leave(key)
        self._loop.stop(*key, incarnation)
        return True

    def drop(self, execution_id: str) -> None:
        """Forget an execution; stop what of it runs here."""
        with self._changed:
            self._under_way.pop(execution_id, None)
            here = [key for key in self._here if key[0] == execution_id]
        for key in here:
            self.stop(key)

    def refuse_former(self, adoptions: Sequence[Adoption]) -> None:
        """These executions are taken over: what runs here for a former owner ends, and no more of it begins."""
        for adoption in adoptions:
            self.drop(adoption.execution_id)
        none_wanted = [Adoption(adoption.execution_id, adoption.epoch, 0) for adoption in adoptions]
        self._loop.soon(self._lane.adopt, self._owner_id, none_wanted)

    def learn(self, report: Report) -> None:
        """How long attempts took, here or in a lane."""
        with self._changed:
            beside_ms = 3 * self._cost.of(len(self._here)) / 1_000
            for execution_id, stimulus in report:
                if isinstance(stimulus, st.AttemptEnd):
                    key = (execution_id, stimulus.instance, stimulus.attempt)
                    was_here = key in self._here
                    self._leave(key)
                    node = self._under_way.get(execution_id, {}).pop((stimulus.instance, stimulus.attempt), None)
                    if node is not None:
                        # What those beside it took of the time is not its own.
                        short_ms = SHORT_MS + beside_ms if was_here else SHORT_MS
                        self._history.note(node, _was_short(stimulus, short_ms), was_here)

    def _delivered(self, report: Report) -> None:
        self._cost.note(sum(isinstance(stimulus, st.AttemptEnd) for _, stimulus in report))
        self.learn(report)
        self._deliver(report)

    def _leave(self, key: Key) -> None:
        """Under the lock: it is here no longer."""
        self._here.pop(key, None)
        if not self._here:
            self._changed.notify_all()

    def _is_fit(self, task: NodeTask) -> bool:
        return not (task.streams or task.reads_stored_values or task.sentinel) and self._may(task.node_type)


class _Cost:
    """What a call takes of the processor, in the mean of late. ``note`` belongs to the loop's thread."""

    def __init__(self, thread_time_us: Callable[[], float]) -> None:
        self._thread_time_us = thread_time_us
        self._noted_us = 0.0
        self._each_us = math.inf

    @property
    def is_light(self) -> bool:
        """Whether many may run side by side."""
        return self._each_us <= LIGHT_US

    def of(self, count: int) -> float:
        """Processor time of so many light ones, in µs."""
        return min(self._each_us, LIGHT_US) * count

    def note(self, ended: int) -> None:
        """So many have ended since the last time."""
        now_us = self._thread_time_us()
        spent_us, self._noted_us = now_us - self._noted_us, now_us
        if ended:
            each_us = spent_us / ended
            known_us = each_us if self._each_us == math.inf else self._each_us
            self._each_us = known_us + FADING * (each_us - known_us)


class _Node(msgspec.Struct, frozen=True):
    """A node of a plan, whatever execution it is in. Not of a workflow: another version may call somebody else."""

    plan_hash: str
    node_type: str
    node_id: str


def _node(task: NodeTask) -> _Node:
    return _Node(task.plan_hash, task.node_type, task.node_id)


def _was_short(end: st.AnyStimulus, short_ms: float) -> bool:
    return isinstance(end, st.AttemptSucceeded) and end.ended_at - end.started_at <= short_ms


class _History:
    """How often in a row nodes were short. Of a node that has not run yet, others of its type in the same plan
    speak: that a long one is taken for short costs nothing but its adoption, should its orchestrator die meanwhile.
    """

    def __init__(self) -> None:
        self._short: OrderedDict[_Node, int] = OrderedDict()

    def is_short(self, node: _Node) -> bool:
        """Whether it is expected to be."""
        known = self._short.get(node)
        return (self._short.get(_of_its_kind(node), 0) if known is None else known) >= TIMES_SHORT

    def note(self, node: _Node, was_short: bool, was_expected: bool) -> None:
        """How it was."""
        least = TIMES_SHORT if was_expected else 0
        for known in (node, _of_its_kind(node)):
            self._short[known] = max(self._short.pop(known, 0) + 1, least) if was_short else 0
        while len(self._short) > NODES_KEPT:
            self._short.popitem(last=False)


def _of_its_kind(node: _Node) -> _Node:
    return _Node(node.plan_hash, node.node_type, "")
