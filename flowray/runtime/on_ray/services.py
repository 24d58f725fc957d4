"""What handlers get inside a lane process on Ray: bootstrap's services, with payloads read through the near shard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flowray.handlers.handler import system_now_ms
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import Services
from flowray.persistence.stores import Storage
from flowray.runtime.connections import with_connections
from flowray.runtime.knowledge import StoredKnowledge
from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.lane_writer import lane_commit
from flowray.runtime.on_ray.shard_client import ShardClient
from flowray.runtime.payload_cache import CachedPayloads, NoShard
from flowray.runtime.workflow_memory import StoredWorkflowMemory


def lane_services(config: RuntimeConfig) -> tuple[NodeRegistry, Services, CachedPayloads]:
    """For a long-lived process, which forgets values of its cache when it is told to."""
    shard = ShardClient(config.namespace, config.build)
    storage = config.storage_factory()
    payloads = CachedPayloads(storage.payloads, shard)
    return config.registry_factory(), _services(config, storage, payloads), payloads


def task_services(config: RuntimeConfig) -> tuple[NodeRegistry, Callable[[], Services], Callable[[], int]]:
    """For a task's worker, which runs each attempt on an event loop of its own: no client outlives the loop, so each
    attempt gets Services of its own. What they are made of is opened once.
    """
    storage = config.storage_factory()

    def services() -> Services:
        return _services(config, storage, CachedPayloads(storage.payloads, NoShard()))

    return config.registry_factory(), services, system_now_ms


def _services(config: RuntimeConfig, storage: Storage, payloads: CachedPayloads) -> Services:
    commit = lane_commit(config, storage)
    services = replace(
        config.services_factory(payloads),
        memory=StoredWorkflowMemory(storage.reader.memory),
        knowledge=StoredKnowledge(storage.reader.knowledge, commit),
    )
    return with_connections(services, storage.reader, commit, config.opener)


def stored_epoch(config: RuntimeConfig, execution_id: str) -> int | None:
    """The epoch of an execution by the database."""
    record = config.storage_factory().reader.execution_by_id(execution_id)
    return None if record is None else record.epoch
