"""Carries attempts out on Ray: at once in the orchestrator's process, in io lanes, or as tasks of their own."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, cast

import msgspec
import ray
from ray import ObjectRef
from ray.actor import ActorHandle
from ray.exceptions import ActorDiedError, OutOfMemoryError, RayError, WorkerCrashedError

from flowray.definition.policies import Lane as LaneName
from flowray.engine import stimuli as st
from flowray.handlers.at_once import AtOnce
from flowray.handlers.node_task import NodeTask
from flowray.plan import PlanResources
from flowray.runtime.dispatch_lease import DispatchLease, EpochOf
from flowray.runtime.driver import Driver
from flowray.runtime.held_attempts import Adoption, Key
from flowray.runtime.lane import Report
from flowray.runtime.lane_blame import LaneBlame
from flowray.runtime.near_calls import NearCalls
from flowray.runtime.on_ray.collector import Collector
from flowray.runtime.on_ray.metrics import Metrics
from flowray.runtime.on_ray.placement import lacking
from flowray.runtime.on_ray.task_broker import is_long
from flowray.runtime.on_ray.task_lane import ServicesFactory, TaskRef, is_over, submit

logger = logging.getLogger(__name__)

MAX_UNREAD = 10_000
"""Values that an idle lane is to forget with its next call. What is beyond that goes by its cache's size."""

ASK_AGAIN_S = 0.2
"""How long after a lane could not be reached it is asked again whether it is back; Ray takes a second to say so."""

PLACE_WAIT_S = 120.0
"""How long a task without a ``startTimeoutMs`` waits for a node that has what it asks for, while the cluster has none.
Then it is dispatched again, ``MAX_UNSTARTED`` times: six minutes in all, in which a cluster may grow."""

ADOPT_WAIT_S = 2.0
"""How long recovery waits for a lane to say what it holds. A dead one says nothing."""


class RayExecutor:
    """An Executor for one orchestrator. ``lane_override`` sends every node but sentinels to one lane.

    ``broker(create)`` is the lane that submits long tasks; there is none before the first of them.
    """

    def __init__(
        self,
        owner_id: str,
        driver: Driver,
        at_once: AtOnce,
        near: NearCalls,
        lanes: Callable[[], Sequence[ActorHandle[Any]]],
        services_factory: ServicesFactory,
        metrics: Metrics,
        now_ms: Callable[[], int],
        prune: Callable[[Sequence[str]], None],
        lane_override: LaneName | None = None,
        lease: Callable[[], DispatchLease | None] = lambda: None,
        epoch_of: EpochOf | None = None,
        broker: Callable[[bool], ActorHandle[Any] | None] = lambda create: None,
    ) -> None:
        self._owner_id = owner_id
        self._driver = driver
        self._at_once = at_once
        self._near = near
        self._lanes = lanes
        self._services_factory = services_factory
        self._metrics = metrics
        self._now_ms = now_ms
        self._prune = prune
        self._override = lane_override
        self._lease = lease
        self._epoch_of = epoch_of
        self._broker = broker
        self._blame = LaneBlame()
        self._collector = Collector()
        self._turns = itertools.count()
        self._listening: set[ActorHandle[Any]] = set()
        self._tasks: dict[Key, TaskRef] = {}
        self._in_lane: dict[Key, ActorHandle[Any]] = {}
        # Adopted for executions that are not driven yet; with the reason, if they were lost before they could report.
        self._unheard: dict[Key, str | None] = {}
        self._unread: dict[ActorHandle[Any], deque[str]] = {}
        self._absent: dict[ActorHandle[Any], dict[Key, NodeTask]] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the threads and listen to the lanes that are there."""
        self._collector.start()
        self._near.start()
        for lane in self._lanes():
            self._listen(lane)

    def stop_all(self) -> None:
        """Stop listening. Lane calls run on, for whoever adopts them (R38)."""
        self._collector.stop()
        self._near.close()

    def drain(self) -> None:
        """The process is to end: what runs beside the driver may, all else goes to lanes from now on."""
        self._near.drain()

    # -- Executor -------------------------------------------------------------------------------------------------

    def run(self, tasks: Sequence[NodeTask]) -> None:
        """Dispatch attempts, each lane's share in one call."""
        io: list[NodeTask] = []
        for task in tasks:
            # What has its place in this process and comes here waits for something.
            if self._lane_of(task) is LaneName.TASK:
                self._metrics.node_started(task.node_type, LaneName.TASK.value)
                self._submit_task(task)
            else:
                io.append(task)
        near, far = self._near.take(io) if self._override is None else ([], io)
        for task in near:
            self._metrics.node_started(task.node_type, "near")
        for task in far:
            self._metrics.node_started(task.node_type, LaneName.IO.value)
        if far:
            self._submit_to_lanes(far)

    def compute(self, task: NodeTask) -> Sequence[st.AnyStimulus] | None:
        """What has its place in this process needs no lane."""
        if self._lane_of(task) is not LaneName.INLINE:
            return None
        said = self._at_once.run(task)
        if said is not None:
            self._metrics.node_started(task.node_type, LaneName.INLINE.value)
        return said

    def stop(self, execution_id: str, instance: str, attempt: int, incarnation: int = 0) -> None:
        """Stop one attempt wherever it runs: cancel first; a task that does not stop is killed (R49)."""
        key = (execution_id, instance, attempt)
        self._forget_waiting(lambda waiting: waiting == key)
        reference = self._tasks.pop(key, None)
        if reference is not None:
            ray.cancel(reference, force=True)
        if self._near.stop(key):
            return
        lane = self._in_lane.pop(key, None)
        if lane is not None:
            lane.stop.remote(*key, self._owner_id, incarnation)

    def obstacle(self, task: NodeTask) -> str:
        """What the cluster lacks, or where it waits."""
        if self._lane_of(task) is not LaneName.TASK:
            return "its lane does not get round to it"
        return (_lacking(task.resources) if task.resources else None) or "no worker of the cluster is free for it"

    def prune(self, payload_ids: Sequence[str]) -> None:
        """Tell the context store what nobody reads any more, and each io lane with its next call."""
        self._prune(payload_ids)
        before = self._unread
        self._unread = {lane: before.get(lane) or deque(maxlen=MAX_UNREAD) for lane in self._lanes()}
        for unread in self._unread.values():
            unread.extend(payload_ids)

    def drop(self, execution_id: str) -> None:
        """Forget an execution that has ended here; stop what of it may still run."""
        self._forget_waiting(lambda waiting: waiting[0] == execution_id)
        for key in [key for key in self._tasks if key[0] == execution_id]:
            ray.cancel(self._tasks.pop(key), force=True)
        for key in [key for key in self._in_lane if key[0] == execution_id]:
            lane = self._in_lane.pop(key)
            lane.stop.remote(*key, self._owner_id)
        self._near.drop(execution_id)
        self._blame.drop(execution_id)

    # -- AttemptHolder --------------------------------------------------------------------------------------------

    def adopt(self, adoptions: Sequence[Adoption]) -> list[Key]:
        """Ask all lanes at once. What a lane that does not answer in time may hold, is cancelled there once it does."""
        answers: dict[ActorHandle[Any], list[Key] | None] = {}
        answered = threading.Semaphore(0)

        def on_ready(lane: ActorHandle[Any], keys: list[Key] | None, error: BaseException | None) -> bool:
            answers[lane] = keys if error is None else None
            answered.release()
            return False

        self._near.refuse_former(adoptions)
        lanes = self._holders()
        for lane in lanes:
            self._collector.watch(lane.adopt.remote(self._owner_id, list(adoptions)), partial(on_ready, lane))
        deadline = time.monotonic() + ADOPT_WAIT_S
        for _ in lanes:
            answered.acquire(timeout=max(deadline - time.monotonic(), 0))
        found = {lane: [_as_key(key) for key in answers.get(lane) or ()] for lane in lanes}
        times = Counter(key for keys in found.values() for key in keys)
        # Held twice: one of them ran ahead of a commit that never came, and nothing tells which. Both are given up.
        certain = {key for key, count in times.items() if count == 1}
        adopted: list[Key] = []
        for lane, keys in found.items():
            if lane not in answers or not certain.issuperset(keys):
                wanted = certain if lane in answers else ()
                lane.adopt.remote(self._owner_id, [_only(adoption, wanted) for adoption in adoptions])
            keys = [key for key in keys if key in certain]
            with self._lock:
                self._unheard.update(dict.fromkeys(keys))
            self._in_lane.update(dict.fromkeys(keys, lane))
            adopted.extend(keys)
            if keys:
                self._listen(lane)
        if adopted:
            logger.info("flowray: %d attempts go on under a new owner", len(adopted))
        return adopted

    def deliver(self, execution_ids: Sequence[str]) -> None:
        """Every lane: each knows what it holds. What was lost meanwhile is told now, when somebody hears it."""
        with self._lock:
            heard = [key for key in self._unheard if key[0] in execution_ids]
            lost = [(key, reason) for key in heard if (reason := self._unheard.pop(key)) is not None]
        for key, reason in lost:
            self._lost([key], reason)
        for lane in self._holders():
            lane.deliver.remote(self._owner_id, list(execution_ids))

    def _holders(self) -> list[ActorHandle[Any]]:
        """Whoever may hold attempts of others."""
        broker = self._broker(False)
        return [*self._lanes(), *(() if broker is None else (broker,))]

    # -- choosing and submitting ----------------------------------------------------------------------------------

    def _lane_of(self, task: NodeTask) -> LaneName:
        if task.sentinel:
            return LaneName.IO if task.reads_stored_values else LaneName.INLINE
        if self._override is not None:
            return self._override
        lane = LaneName(task.lane)
        if lane is LaneName.INLINE and task.reads_stored_values:
            # A large value is read where nobody else has to wait for it (R36).
            lane = LaneName.IO
        return LaneName.TASK if lane is LaneName.IO and self._blame.is_apart(task) else lane

    def _submit_task(self, task: NodeTask) -> None:
        # A suspect runs under this process's eyes: it has to know whether its process dies.
        broker = self._broker(True) if is_long(task) and not self._blame.is_apart(task) else None
        if broker is not None:
            self._call_lane(broker, [task], "submit")
        else:
            self._run_as_task(task)
        if task.start_timeout_ms is None and task.resources is not None and _lacking(task.resources) is not None:
            late = threading.Timer(PLACE_WAIT_S, self._give_up_place, [task, task.resources])
            late.daemon = True
            late.start()

    def _run_as_task(self, task: NodeTask) -> None:
        key = task.key
        reference = submit(task, self._services_factory, task.resources, self._lease(), self._epoch_of)
        self._tasks[key] = reference

        def on_ready(report: Report | None, error: BaseException | None) -> bool:
            if report is not None and not is_over(report) and key in self._tasks:
                self._driver.post_many(report)
                return True
            if self._tasks.pop(key, None) is not None:
                if report is not None:
                    self._blame.ended(key)
                    self._driver.post_many(report)
                else:
                    if isinstance(error, WorkerCrashedError | OutOfMemoryError):
                        self._blame.process_died(task)
                    first_line = str(error).strip().partition("\n")[0]
                    self._lost([key], f"its Ray task failed: {type(error).__name__}: {first_line}"[:500])
            return False

        self._collector.watch(reference, on_ready)

    def _give_up_place(self, task: NodeTask, resources: PlanResources) -> None:
        """A cluster may have grown meanwhile: what has a place by now keeps it."""
        key = task.key
        waits = key in self._tasks or key in self._in_lane
        if waits and (reason := _lacking(resources)) is not None:
            self.stop(*key, task.incarnation)
            self._lost([key], f"it could not be placed for {PLACE_WAIT_S:.0f} s: {reason}", unstarted=True)

    def _submit_to_lanes(self, tasks: Sequence[NodeTask]) -> None:
        lanes = self._lanes()
        if not lanes:
            self._lost([task.key for task in tasks], "there is no io lane")
            return
        lanes = [lane for lane in lanes if lane not in self._absent] or lanes
        shares: dict[int, list[NodeTask]] = {}
        for task in tasks:
            shares.setdefault(next(self._turns) % len(lanes), []).append(task)
        for number, share in shares.items():
            self._call_lane(lanes[number], share)

    def _call_lane(self, lane: ActorHandle[Any], tasks: list[NodeTask], what: str = "node") -> None:
        keys = [task.key for task in tasks]
        with self._lock:
            if lane in self._absent:
                self._absent[lane].update(zip(keys, tasks, strict=True))
                return
        self._listen(lane)
        for key in keys:
            self._in_lane[key] = lane
        unread = tuple(self._unread.pop(lane, ()))
        reference: ObjectRef[int] = lane.run.options(name=f"{what}.{_call_name(tasks)}").remote(
            self._owner_id, tasks, unread, self._lease()
        )

        def on_ready(_: Any, error: BaseException | None) -> bool:
            if error is not None:
                self._lane_failed(lane, f"{type(error).__name__}", keys)
            return False

        self._collector.watch(reference, on_ready)

    # -- collecting -----------------------------------------------------------------------------------------------

    def _listen(self, lane: ActorHandle[Any]) -> None:
        if lane in self._listening:
            return
        self._listening.add(lane)

        def on_report(report: Report | None, error: BaseException | None) -> bool:
            if report is not None:
                self._received(report)
                return True
            self._listening.discard(lane)
            if isinstance(error, StopIteration):
                self._listen(lane)
            else:
                self._lane_failed(lane, type(error).__name__, None)
            return False

        self._collector.watch(lane.reports.remote(self._owner_id), on_report)

    def _received(self, report: Report) -> None:
        for execution_id, stimulus in report:
            if isinstance(stimulus, st.AttemptSucceeded | st.AttemptFailed):
                key = (execution_id, stimulus.instance, stimulus.attempt)
                self._in_lane.pop(key, None)
                self._blame.ended(key)
            elif isinstance(stimulus, st.AttemptLost):
                self._in_lane.pop((execution_id, stimulus.instance, stimulus.attempt), None)
        self._near.learn(report)
        self._driver.post_many(report)

    def _lane_failed(self, lane: ActorHandle[Any], reason: str, keys: list[Key] | None) -> None:
        """The lane's process died, or a call to it was lost: what it held starts again as new attempts (R39)."""
        self._await_return(lane)
        lost = [key for key, holder in self._in_lane.items() if holder == lane and (keys is None or key in keys)]
        for key in lost:
            self._in_lane.pop(key, None)
        if lost:
            self._blame.lane_died(lost)
            logger.warning("flowray: a lane failed (%s); %d attempts start again", reason, len(lost))
            self._lost(lost, f"its lane died ({reason})")

    def _await_return(self, lane: ActorHandle[Any]) -> None:
        """Send it nothing until it answers: what it cannot take would count as lost again and again, and fail (R39)."""
        with self._lock:
            if lane in self._absent:
                return
            self._absent[lane] = {}
        self._ask(lane)

    def _ask(self, lane: ActorHandle[Any]) -> None:
        self._collector.watch(lane.facts.remote(), partial(self._asked, lane))

    def _asked(self, lane: ActorHandle[Any], _: Any, error: BaseException | None) -> bool:
        if error is not None and not isinstance(error, ActorDiedError):
            again = threading.Timer(ASK_AGAIN_S, self._ask, [lane])
            again.daemon = True
            again.start()
            return False
        with self._lock:
            waiting = self._absent.pop(lane)
        if error is None:
            self._listen(lane)
            if waiting:
                self._call_lane(lane, list(waiting.values()))
        elif waiting:
            self._lost(list(waiting), "its io lane is gone for good")
        return False

    def _forget_waiting(self, is_meant: Callable[[Key], bool]) -> None:
        with self._lock:
            for waiting in self._absent.values():
                for key in [key for key in waiting if is_meant(key)]:
                    del waiting[key]

    def _lost(self, keys: Sequence[Key], reason: str, unstarted: bool = False) -> None:
        now = self._now_ms()
        with self._lock:
            unheard = self._unheard.keys() & set(keys)
            self._unheard.update(dict.fromkeys(unheard, reason))
        self._driver.post_many(
            [
                (
                    key[0],
                    st.AttemptLost(ts=now, instance=key[1], attempt=key[2], reason=reason, unstarted=unstarted),
                )
                for key in keys
                if key not in unheard
            ]
        )


def _lacking(resources: PlanResources) -> str | None:
    """What the cluster lacks; nothing, if it cannot be asked."""
    try:
        nodes: list[dict[str, Any]] = cast(Any, ray).nodes()
    except RayError as error:
        logger.info("flowray: the cluster's nodes are not known now: %s", type(error).__name__)
        return None
    return lacking(resources, nodes)


def _as_key(key: Sequence[Any]) -> Key:
    execution_id, instance, attempt = key
    return execution_id, instance, attempt


def _only(adoption: Adoption, certain: Collection[Key]) -> Adoption:
    """The same, wanting no attempt but these."""
    kept = [
        (instance, attempt, epoch)
        for instance, attempt, epoch in adoption.attempts
        if (adoption.execution_id, instance, attempt) in certain
    ]
    return msgspec.structs.replace(adoption, attempts=tuple(kept))


def _call_name(tasks: Sequence[NodeTask]) -> str:
    """``<type>:<workflow>`` where a call has one kind of work; never an id."""
    types = {task.node_type for task in tasks}
    workflows = {task.workflow_name for task in tasks}
    kind = types.pop() if len(types) == 1 else "mixed"
    workflow = workflows.pop() if len(workflows) == 1 else "several"
    return f"{kind}:{workflow}"
