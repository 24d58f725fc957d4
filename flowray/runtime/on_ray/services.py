"""What handlers get inside a lane process on Ray: bootstrap's services, with payloads read through the near shard."""

from __future__ import annotations

from collections.abc import Callable

from flowray.handlers.handler import system_now_ms
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import Services
from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.shard_client import ShardClient
from flowray.runtime.payload_cache import CachedPayloads, NoShard


def lane_services(config: RuntimeConfig) -> tuple[NodeRegistry, Services, CachedPayloads]:
    """For a long-lived process, which forgets values of its cache when it is told to."""
    shard = ShardClient(config.namespace, config.build)
    payloads = CachedPayloads(config.storage_factory().payloads, shard)
    return config.registry_factory(), config.services_factory(payloads), payloads


def task_services(config: RuntimeConfig) -> tuple[NodeRegistry, Services, Callable[[], int]]:
    """For a task's worker, which runs each attempt on an event loop of its own: no client outlives the loop."""
    payloads = CachedPayloads(config.storage_factory().payloads, NoShard())
    return config.registry_factory(), config.services_factory(payloads), system_now_ms
