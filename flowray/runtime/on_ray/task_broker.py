"""Submits the Ray tasks that are to outlive their orchestrator: Ray ends the tasks of a process that dies (R38).

To orchestrators it is a lane like any other, which holds attempts and their results for whoever adopts them; only that
each is performed by a Ray task. It comes with the first task that needs it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import ray
from ray import ObjectRef
from ray.actor import ActorHandle
from ray.exceptions import RayError

from flowray.engine import stimuli as st
from flowray.handlers.handler import Cancellation, system_now_ms
from flowray.handlers.node_task import NodeTask
from flowray.runtime.dispatch_lease import DispatchLease
from flowray.runtime.lane import Report
from flowray.runtime.on_ray import names
from flowray.runtime.on_ray.actor_class import actor_class, get_or_create
from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.hosted_lane import HostedLane
from flowray.runtime.on_ray.services import task_services
from flowray.runtime.on_ray.task_lane import ServicesFactory, TaskRef, submit

LONG_MS = 60_000
"""A task that may take longer than this is submitted here; a shorter one costs less to run again than the detour."""

IDLE_S = 120.0
"""After so long without an attempt it leaves: twice as long as results are kept for a new owner."""


def is_long(task: NodeTask) -> bool:
    """Whether an attempt may run for longer than a minute: nothing says that it may not."""
    return task.timeout_ms is None or task.timeout_ms > LONG_MS


class AsTasks:
    """A Performer: each attempt is a Ray task of this process. Who accepts it has looked whether it is stale."""

    def __init__(self, factory: ServicesFactory) -> None:
        self._factory = factory

    async def perform(self, task: NodeTask, emit: Callable[[Any], None], cancellation: Cancellation) -> st.AnyStimulus:
        """See Performer. A task that does not stop is killed (R49)."""
        reference = submit(task, self._factory, task.resources)
        following = asyncio.ensure_future(_follow(task, reference, emit))
        cancelled = asyncio.ensure_future(cancellation.wait())
        try:
            await asyncio.wait({following, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                return following.result()
            ray.cancel(reference, force=True)
            return _lost(task, "it was cancelled")
        finally:
            following.cancel()
            cancelled.cancel()

    async def close(self) -> None:
        """Nothing of its own is open."""


async def _follow(task: NodeTask, reference: TaskRef, emit: Callable[[Any], None]) -> st.AnyStimulus:
    try:
        async for report in _reports(reference):
            for _, stimulus in report:
                if isinstance(stimulus, st.AttemptEnd):
                    return stimulus
                emit(stimulus)
    except RayError as error:
        first_line = str(error).strip().partition("\n")[0]
        return _lost(task, f"its Ray task failed: {type(error).__name__}: {first_line}"[:500])
    return _lost(task, "its Ray task ended without a result")


async def _reports(reference: TaskRef) -> AsyncIterator[Report]:
    if isinstance(reference, ObjectRef):
        yield await reference
        return
    async for part in reference:
        yield await part


def _lost(task: NodeTask, reason: str) -> st.AttemptLost:
    return st.AttemptLost(ts=system_now_ms(), instance=task.instance, attempt=task.attempt, reason=reason)


@actor_class(num_cpus=0, max_restarts=-1, max_task_retries=0, max_concurrency=10_000)
class TaskBroker(HostedLane):
    """One per instance. If it dies its tasks die with it, and run again as new attempts (R39)."""

    def __init__(self, name: str, config: RuntimeConfig) -> None:
        super().__init__(name, config, AsTasks(partial(task_services, config)))
        self._me: ActorHandle[Any] = ray.get_runtime_context().current_actor
        self._used_at = time.monotonic()
        self._leaving: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return "TaskBroker"

    async def run(
        self,
        owner_id: str,
        tasks: Sequence[NodeTask],
        unread: Sequence[str] = (),
        lease: DispatchLease | None = None,
    ) -> int:
        """See HostedLane."""
        self._used_at = time.monotonic()
        if self._leaving is None:
            self._leaving = asyncio.ensure_future(self._leave_when_idle())
        done = await super().run(owner_id, tasks, unread, lease)
        self._used_at = time.monotonic()
        return done

    async def _leave_when_idle(self) -> None:
        """By a kill, for good: it comes again with the next task. What is sent to it at that moment is lost, and runs
        again as another attempt.
        """
        is_used = True
        while is_used:
            await asyncio.sleep(IDLE_S / 4)
            is_used = self._lane.in_flight() > 0 or time.monotonic() - self._used_at < IDLE_S
        await asyncio.to_thread(ray.kill, self._me)


def task_broker(config: RuntimeConfig, create: bool) -> ActorHandle[Any] | None:
    """The instance's broker; if there is none, a new one or None."""
    name = names.broker_name(config.build)
    if create:
        return get_or_create(TaskBroker, config, name, name, config)
    try:
        handle: ActorHandle[Any] = ray.get_actor(name, namespace=config.namespace)
    except ValueError:
        return None
    return handle
