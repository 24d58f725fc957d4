"""The task lane: one Ray task per attempt, with the node's own CPUs, GPUs, memory and runtime environment.

For CPU work and for code that must be killable. Named by node type and workflow in the dashboard, never by an id,
which would become a metric label.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import ray
from ray import ObjectRef

from flowray.engine import stimuli as st
from flowray.handlers.attempt import run_attempt
from flowray.handlers.handler import Cancellation
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import Services
from flowray.plan import PlanResources
from flowray.runtime.dispatch_lease import DispatchLease, EpochOf, StaleGuard
from flowray.runtime.lane import Report, signed

ServicesFactory = Callable[[], tuple[NodeRegistry, Services, Callable[[], int]]]
"""Builds what a lane needs inside its process; made by bootstrap. Hashable, so that a worker builds it once."""

DEFAULT_NUM_CPUS = 0.5
"""A node that names no CPUs: two to a core, since most of a node's time is not spent computing."""


@lru_cache(maxsize=4)
def _built(factory: ServicesFactory) -> tuple[NodeRegistry, Services, Callable[[], int]]:
    return factory()


@ray.remote(max_retries=0)
def run_node(task: NodeTask, factory: ServicesFactory, lease: DispatchLease | None, epoch_of: EpochOf | None) -> Report:
    """Run one attempt in a process of its own; returns everything it reported, its result last.

    It may have waited long for its resources: if its owner's lease has ended meanwhile, it does not begin (R23).
    """
    registry, services, now_ms = _built(factory)
    report: Report = []
    if StaleGuard(epoch_of).is_stale_here(task, lease):
        lost = st.AttemptLost(
            ts=now_ms(), instance=task.instance, attempt=task.attempt,
            reason="its owner's lease had ended when it was to begin",
        )  # fmt: skip
        return [(task.execution_id, signed(task, lost))]

    def emit(stimulus: Any) -> None:
        report.append((task.execution_id, signed(task, stimulus)))

    result = asyncio.run(
        run_attempt(task, registry=registry, services=services, emit=emit, cancellation=Cancellation(), now_ms=now_ms)
    )
    emit(result)
    return report


def submit(
    task: NodeTask,
    factory: ServicesFactory,
    resources: PlanResources | None,
    lease: DispatchLease | None = None,
    epoch_of: EpochOf | None = None,
) -> ObjectRef[Report]:
    """Submit one attempt as a Ray task."""
    options: dict[str, Any] = {"name": f"node.{task.node_type}:{task.workflow_name}", "num_cpus": DEFAULT_NUM_CPUS}
    if resources is not None:
        for name in ("num_cpus", "num_gpus", "memory", "resources", "runtime_env"):
            value = getattr(resources, name)
            if value is not None:
                options[name] = value
    reference: ObjectRef[Report] = run_node.options(**options).remote(task, factory, lease, epoch_of)
    return reference
