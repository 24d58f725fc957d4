"""The benchmarks' own node: found as a plugin, and its chain is committed effect by effect."""

from __future__ import annotations

import sys
from importlib.metadata import distributions
from pathlib import Path

from benchmarks import token_node, work_node
from benchmarks.effect_node import NAME, EffectNode, install
from benchmarks.workloads import effect_chain
from flowray.compiler.documents import compile_document
from flowray.handlers.registry import NodeRegistry, default_registry
from tests.handlers.running import output


def test_the_types_are_found_by_their_entry_points(tmp_path: Path) -> None:
    install(tmp_path)
    (found,) = distributions(path=[str(tmp_path)])
    assert {(entry.group, entry.name, entry.load()) for entry in found.entry_points} == {
        ("flowray.nodes", NAME, EffectNode),
        ("flowray.nodes", token_node.NAME, token_node.TokenNode),
        ("flowray.nodes", work_node.NAME, work_node.WorkNode),
    }
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
