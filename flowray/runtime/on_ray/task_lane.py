"""The task lane: one Ray task per attempt, with the node's own CPUs, GPUs, memory and runtime environment.

For CPU work and for code that must be killable. Named by node type and workflow in the dashboard, never by an id,
which would become a metric label.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeAlias, cast

import ray
from ray import ObjectRef, ObjectRefGenerator, cloudpickle

from flowray.engine import stimuli as st
from flowray.handlers.attempt import run_attempt
from flowray.handlers.handler import Cancellation
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import Services
from flowray.plan import PlanResources
from flowray.runtime.dispatch_lease import DispatchLease, EpochOf, StaleGuard
from flowray.runtime.lane import Report, signed

Built: TypeAlias = tuple[NodeRegistry, Callable[[], Services], Callable[[], int]]

ServicesFactory = Callable[[], Built]
"""Opens what a lane needs inside its process, once for all attempts there: node types, Services for one, a clock."""

TaskRef: TypeAlias = "ObjectRef[Report] | ObjectRefGenerator[Report]"
"""What a task reports: at its end, or as it begins and at its end."""

DEFAULT_NUM_CPUS = 0.5
"""A node that names no CPUs: two to a core, since most of a node's time is not spent computing."""


@lru_cache(maxsize=4)
def packed(factory: ServicesFactory) -> bytes:
    """The factory as tasks carry it. Its copies in a worker are equal to nothing, and so would be built for each task:
    loading node types and opening a database takes longer than most of them.
    """
    data: bytes = cast(Any, cloudpickle).dumps(factory)
    return data


@lru_cache(maxsize=4)
def built(factory: bytes) -> Built:
    """What the factory makes, in this process."""
    made: Built = cloudpickle.loads(factory)()
    return made


@ray.remote(max_retries=0)
def run_node(task: NodeTask, factory: bytes, lease: DispatchLease | None, epoch_of: EpochOf | None) -> Report:
    """Run one attempt in a process of its own; returns everything it reported, its result last.

    It may have waited long for its resources: if its owner's lease has ended meanwhile, it does not begin (R23).
    """
    return _run(task, factory, lease, epoch_of)


@ray.remote(max_retries=0)
def run_watched_node(
    task: NodeTask, factory: bytes, lease: DispatchLease | None, epoch_of: EpochOf | None
) -> Iterator[Report]:
    """As ``run_node``, for an attempt whose owner counts the time from its dispatch or from its start (R14)."""
    _, _, now_ms = built(factory)
    begun = st.AttemptStarted(ts=now_ms(), instance=task.instance, attempt=task.attempt)
    yield [(task.execution_id, signed(task, begun))]
    yield _run(task, factory, lease, epoch_of)


def _run(task: NodeTask, factory: bytes, lease: DispatchLease | None, epoch_of: EpochOf | None) -> Report:
    registry, make_services, now_ms = built(factory)
    report: Report = []
    if StaleGuard(epoch_of).is_stale_here(task, lease):
        lost = st.AttemptLost(
            ts=now_ms(), instance=task.instance, attempt=task.attempt,
            reason="its owner's lease had ended when it was to begin",
        )  # fmt: skip
        return [(task.execution_id, signed(task, lost))]

    def emit(stimulus: Any) -> None:
        report.append((task.execution_id, signed(task, stimulus)))

    async def attempt() -> Any:
        services = make_services()
        try:
            return await run_attempt(
                task, registry=registry, services=services, emit=emit, cancellation=Cancellation(), now_ms=now_ms
            )
        finally:
            await services.close()

    emit(asyncio.run(attempt()))
    return report


def submit(
    task: NodeTask,
    factory: ServicesFactory,
    resources: PlanResources | None,
    lease: DispatchLease | None = None,
    epoch_of: EpochOf | None = None,
) -> TaskRef:
    """Submit one attempt as a Ray task. One that has a time to keep tells when it begins, for two messages more."""
    options: dict[str, Any] = {"name": f"node.{task.node_type}:{task.workflow_name}", "num_cpus": DEFAULT_NUM_CPUS}
    if resources is not None:
        for name in ("num_cpus", "num_gpus", "memory", "resources", "runtime_env", "label_selector"):
            value = getattr(resources, name)
            if value is not None:
                options[name] = value
    is_timed = task.start_timeout_ms is not None or task.timeout_ms is not None
    reference: TaskRef = (
        (run_watched_node if is_timed else run_node).options(**options).remote(task, packed(factory), lease, epoch_of)
    )
    return reference


def is_over(report: Report) -> bool:
    """Whether the attempt has ended with this report."""
    return any(isinstance(stimulus, st.AttemptEnd) for _, stimulus in report)
