"""Brings an instance up on a running Ray cluster, and says what is there."""

from __future__ import annotations

from typing import Any

import ray
from ray.actor import ActorHandle

from flowray.runtime.on_ray import names
from flowray.runtime.on_ray.actor_class import get_or_create
from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.hub import Hub
from flowray.runtime.on_ray.pool import ensure_workers

READY_TIMEOUT_S = 120.0


def create_actors(config: RuntimeConfig) -> dict[str, ActorHandle[Any]]:
    """Create every actor of the instance at once and return without waiting for them."""
    name = names.hub_name(config.build)
    workers = ensure_workers(config)
    hub = get_or_create(Hub, config, name, config)
    hub.start.remote()
    return {name: hub, **workers}


def wait_until_ready(actors: dict[str, ActorHandle[Any]]) -> None:
    """Return when every actor answers. Raises ray.exceptions.GetTimeoutError after two minutes."""
    calls = [
        actor.start.remote() if name.startswith("hub-") else actor.facts.remote() for name, actor in actors.items()
    ]
    ray.get(calls, timeout=READY_TIMEOUT_S)


def kill_actors(config: RuntimeConfig) -> None:
    """End every actor of the instance, in an order in which nothing brings another back."""
    listed = ray.util.list_named_actors(all_namespaces=True)
    ours = sorted(entry["name"] for entry in listed if entry["namespace"] == config.namespace)
    for name in sorted(ours, key=lambda entry: not entry.startswith("hub-")):
        try:
            ray.kill(ray.get_actor(name, namespace=config.namespace), no_restart=True)
        except ValueError:
            continue
