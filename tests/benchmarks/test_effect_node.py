"""The benchmarks' own node: found as a plugin, and its chain is committed effect by effect."""

from __future__ import annotations

import sys
from importlib.metadata import distributions
from pathlib import Path

from benchmarks.effect_node import NAME, EffectNode, install
from benchmarks.workloads import effect_chain
from flowray.compiler.documents import compile_document
from flowray.handlers.registry import NodeRegistry, default_registry
from tests.handlers.running import output


def test_it_is_found_by_its_entry_point(tmp_path: Path) -> None:
    install(tmp_path)
    (found,) = distributions(path=[str(tmp_path)])
    (entry,) = found.entry_points
    assert (entry.group, entry.name, entry.load()) == ("flowray.nodes", NAME, EffectNode)
    assert str(tmp_path) not in sys.path


async def test_it_counts() -> None:
    assert await output(NAME, {"n": "{{x}}"}, registry=NodeRegistry([EffectNode()]), inputs={"x": 41}) == 42


def test_each_of_a_chain_waits_for_the_commit_of_the_one_before() -> None:
    types = {**default_registry(plugins=False).node_types(), NAME: EffectNode.node_type}
    plan = compile_document(effect_chain(3), types).plan
    assert plan is not None
    effects = [node for node in plan.nodes.values() if node.type == NAME]
    assert len(effects) == 3
    assert all(node.waits_for_commit for node in effects)
