"""Whether a cluster has a node on which a task could ever run. Ray itself waits for one for ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flowray.plan import PlanResources


def lacking(resources: PlanResources | None, nodes: Iterable[Mapping[str, Any]]) -> str | None:
    """What no live node has, in words; None if some node has all of it. ``nodes`` as ``ray.nodes()`` lists them."""
    asked = _asked(resources)
    if not asked:
        return None
    living = [node["Resources"] for node in nodes if node["Alive"]]
    if any(all(node.get(name, 0) >= amount for name, amount in asked.items()) for node in living):
        return None
    return "no node of the cluster has " + ", ".join(f"{name} {amount:g}" for name, amount in asked.items())


def _asked(resources: PlanResources | None) -> dict[str, float]:
    if resources is None:
        return {}
    named = {"CPU": resources.num_cpus, "GPU": resources.num_gpus, "memory": resources.memory}
    asked = {name: float(amount) for name, amount in named.items() if amount}
    return asked | {name: float(amount) for name, amount in (resources.resources or {}).items()}
