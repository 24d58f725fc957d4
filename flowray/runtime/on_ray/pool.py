"""Creating and finding the workers of one instance. Get-or-create by name, so that anyone may call at any time."""

from __future__ import annotations

from typing import Any

import ray
from ray.actor import ActorHandle

from flowray.runtime.on_ray import names
from flowray.runtime.on_ray.actor_class import get_or_create
from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.lane_actor import IoLane
from flowray.runtime.on_ray.orchestrator_actor import OrchestratorActor


def ensure_workers(config: RuntimeConfig) -> dict[str, ActorHandle[Any]]:
    """The instance's orchestrators and io lanes by name. Creates what is missing.

    Returns before the actors are up; a call to any of them waits until it is.
    """
    workers: dict[str, ActorHandle[Any]] = {}
    for number in range(config.orchestrators):
        name = names.orchestrator_name(config.build, number)
        workers[name] = get_or_create(OrchestratorActor, config, name, name, config)
    for number in range(config.lanes):
        name = names.lane_name(config.build, number)
        workers[name] = get_or_create(IoLane, config, name, name, config)
    return workers


def dedicated_orchestrator(config: RuntimeConfig, execution_id: str, owner_id: str) -> ActorHandle[Any]:
    """A detached orchestrator for one execution. If it dies, the pool claims the execution: it is not restarted."""
    name = names.dedicated_name(execution_id)
    return get_or_create(OrchestratorActor, config, name, name, config, owner_id, execution_id, max_restarts=0)


def quarantine_orchestrator(config: RuntimeConfig) -> ActorHandle[Any]:
    """The orchestrator that takes over, one at a time, executions that may have killed their owners (R28)."""
    name = names.quarantine_name(config.build)
    return get_or_create(OrchestratorActor, config, name, name, config, None, None, True)


def find(config: RuntimeConfig, name: str) -> ActorHandle[Any]:
    """A live actor by name. Raises ValueError if there is none."""
    handle: ActorHandle[Any] = ray.get_actor(name, namespace=config.namespace)
    return handle
