"""Resources that a cluster can never give are said to be missing; those that are only in use are not."""

from __future__ import annotations

from typing import Any

from flowray.plan import PlanResources
from flowray.runtime.on_ray.placement import lacking


def node(alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"Alive": alive, "Resources": resources}


def test_what_one_node_has_is_there() -> None:
    nodes = [node(CPU=2), node(CPU=8, GPU=1)]
    assert lacking(PlanResources(num_cpus=4, num_gpus=1), nodes) is None
    assert lacking(PlanResources(), nodes) is None
    assert lacking(None, []) is None


def test_what_only_several_nodes_or_dead_ones_have_is_not() -> None:
    nodes = [node(CPU=2, GPU=1), node(CPU=8), node(alive=False, CPU=64, GPU=8)]
    assert lacking(PlanResources(num_cpus=4, num_gpus=1), nodes) == "no node of the cluster has CPU 4, GPU 1"
    assert lacking(PlanResources(resources={"tpu": 1}), nodes) == "no node of the cluster has tpu 1"
