"""L9: real workflows, changed in ways that must not matter, come to the same: another order, other names, a no-op on an
edge, a loop or a parallel of one item around everything.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import pytest

from flowray.compiler.builder import build_plan
from flowray.definition.loading import dump_definition, load_definition
from flowray.definition.node_type import NodeType, Role
from flowray.plan import ROOT, Container, ExecutableNode, ExecutionPlan, ScopePlan
from tests.corpus import load_workflow, needs_corpus, workflow_files
from tests.engine.harness import Reply, Run, err, ok, route
from tests.properties.test_real_plans import ROLES

Document = dict[str, Any]
Rename = Callable[[str], str]

FULL = bool(os.environ.get("FLOWRAY_ACCEPTANCE_FULL"))

WRAP = "wrapped-around-everything"


def same(name: str) -> str:
    """No renaming."""
    return name


@cache
def documents() -> tuple[tuple[str, Document], ...]:
    """The real files in the form in which they are stored."""
    found = []
    for path in workflow_files():
        definition = load_definition(load_workflow(path)[1], dialect="flowmaestro").definition
        if definition is not None and compiled(dump_definition(definition)) is not None:
            found.append((path.stem, dump_definition(definition)))
    return tuple(found)


def compiled(document: Document) -> ExecutionPlan | None:
    """Its plan, with a declaration for every type; None if there are errors."""
    definition = load_definition(document).require()
    kinds = {node.type for node in definition.nodes.values()}
    types = {kind: NodeType(name=kind, summary="real", role=ROLES.get(kind, Role.PLAIN)) for kind in kinds}
    return build_plan(definition, types).plan


def handles_of(plan: ExecutionPlan) -> dict[str, list[str]]:
    """By node, the handles from which an edge leaves it."""
    edges = [edge for scope in plan.scopes.values() for edge in scope.edges]
    edges += [edge for container in plan.containers.values() for edge in container.repeats]
    found: dict[str, set[str]] = {node_id: set() for node_id in plan.nodes}
    for edge in edges:
        found[edge.origin or edge.source].add(edge.handle)
    return {node_id: sorted(handles) for node_id, handles in found.items()}


def play(plan: ExecutionPlan, original: Rename = same, inserted: str = "", like: ExecutionPlan | None = None) -> Run:
    """Replies depend on the original name of the instance alone, never on order or on what was inserted.

    Branches choose among the handles of the plan that it is to run ``like``.
    """
    handles = handles_of(like or plan)

    def reply(call: Any, seen: Any) -> Reply:
        name = original(call.instance.removeprefix(f"{WRAP}[0]/"))
        chance = random.Random(f"{name} {call.sentinel} {call.round}")
        if call.node_id == WRAP:
            return ok({"items": [1], "total": 1, "continue": call.round < 1})
        if call.sentinel:
            return ok({"items": [1, 2], "total": 2, "continue": call.round < 2})
        if call.node_id == inserted:
            return ok(None)
        if chance.random() < 0.1:
            return err()
        if plan.nodes[call.node_id].role is Role.BRANCH:
            return route(chance.choice([*handles[original(call.node_id)], "elsewhere"]))
        return ok({"from": name, "saw": sorted(original(other) for other in seen.outputs if other != inserted)})

    return Run(plan, dict.fromkeys(plan.nodes, reply), check=False).start().play()


def course(played: Run, original: Rename = same, inserted: str = "") -> dict[str, Any]:
    """How every instance ended, under its original name, and the execution."""
    ends: dict[str, Any] = {"": played.ended}
    for event in played.of_type("node.completed", "node.failed", "node.skipped"):
        if event.node_id in (inserted, WRAP):
            continue
        name = original(event.instance.removeprefix(f"{WRAP}[0]/"))
        is_container = played.index.nodes[event.node_id].is_container
        ends[name] = (type(event).__name__, None if is_container else getattr(event, "output", None))
    return ends


# -- reordering ----------------------------------------------------------------------------------------------------


def shuffled(document: Document, seed: int) -> Document:
    """Nodes and edges in another order."""
    chance = random.Random(seed)
    nodes = list(document["nodes"].items())
    edges = list(document["edges"])
    chance.shuffle(nodes)
    chance.shuffle(edges)
    return {**document, "nodes": dict(nodes), "edges": edges}


# -- renaming ------------------------------------------------------------------------------------------------------


def new_name(name: str) -> str:
    return f"zz9_{name}"


def renamed(document: Document) -> Document:
    """Every node under another id, wherever the id is named."""
    ids = sorted(document["nodes"], key=len, reverse=True)
    token = re.compile(r"(?<![\w\-.$])(" + "|".join(map(re.escape, ids)) + r")(?![\w\-])")

    def in_config(value: Any) -> Any:
        if isinstance(value, str):
            return token.sub(lambda found: new_name(found[1]), value)
        if isinstance(value, dict):
            return {name: in_config(part) for name, part in value.items()}
        return [in_config(part) for part in value] if isinstance(value, list) else value

    nodes = {}
    for node_id, node in document["nodes"].items():
        nodes[new_name(node_id)] = {**node, "config": in_config(node["config"])}
        if node.get("onError", {}).get("gotoNode"):
            nodes[new_name(node_id)]["onError"] = {**node["onError"], "gotoNode": new_name(node["onError"]["gotoNode"])}
    edges = [
        {**edge, "source": new_name(edge["source"]), "target": new_name(edge["target"])} for edge in document["edges"]
    ]
    return {**document, "nodes": nodes, "edges": edges, "entryPoint": new_name(document["entryPoint"])}


def original_name(instance: str) -> str:
    return instance.replace("zz9_", "")


# -- inserting -----------------------------------------------------------------------------------------------------


def with_no_op(document: Document, number: int) -> tuple[Document, str]:
    """A node that does nothing on one of the edges."""
    inserted = "a-node-that-does-nothing"
    edge = document["edges"][number]
    node = {"type": "transform", "name": "Nothing", "config": {}, "position": {"x": 0.0, "y": 0.0}}
    before = {**edge, "target": inserted}
    after = {"id": f"{edge['id']}-on", "source": inserted, "target": edge["target"]}
    edges = [before if other is edge else other for other in document["edges"]]
    return {**document, "nodes": {**document["nodes"], inserted: node}, "edges": [*edges, after]}, inserted


# -- wrapping ------------------------------------------------------------------------------------------------------


def wrapped(plan: ExecutionPlan, role: Role) -> ExecutionPlan:
    """The whole plan as the body of a loop, or a parallel, of one item."""
    root = plan.scopes[ROOT]
    nodes = {
        node_id: msgspec.structs.replace(node, scope=WRAP if node.scope == ROOT else node.scope)
        for node_id, node in plan.nodes.items()
    }
    nodes[WRAP] = ExecutableNode(id=WRAP, type="wrap", role=role, order=-1)
    scopes = {**plan.scopes, WRAP: msgspec.structs.replace(root, id=WRAP)}
    scopes[ROOT] = ScopePlan(id=ROOT, nodes=(WRAP,), starts=(WRAP,))
    mode = "forEach" if role is Role.LOOP else "collection"
    containers = {**plan.containers, WRAP: Container(id=WRAP, mode=mode, item_failure="collect")}
    return msgspec.structs.replace(
        plan, nodes=nodes, scopes=scopes, containers=containers, start_nodes=(WRAP,), output_nodes=()
    )


# -- the law -------------------------------------------------------------------------------------------------------


@needs_corpus
def test_l9_the_order_of_nodes_and_edges_in_the_file_does_not_matter() -> None:
    differing = []
    for name, document in documents():
        plan = compiled(document)
        assert plan is not None
        for seed in (1, 2):
            other = compiled(shuffled(document, seed))
            assert other is not None, name
            if course(play(plan)) != course(play(other)):
                differing.append(name)
    assert differing == []


@needs_corpus
def test_l9_the_ids_of_nodes_do_not_matter() -> None:
    differing = []
    for name, document in documents():
        plan, other = compiled(document), compiled(renamed(document))
        assert plan is not None
        assert other is not None, name
        if course(play(plan)) != course(play(other, original_name, like=plan), original_name):
            differing.append(name)
    assert differing == []


def some_edges(plan: ExecutionPlan, document: Document) -> list[int]:
    """Two of each file; all of them where everything is asked for.

    Not those out of a loop whose body is inferred: what follows it directly is its body, by R18.
    """
    guessed = {container.id for container in plan.containers.values() if container.inferred}
    found = [number for number, edge in enumerate(document["edges"]) if edge["source"] not in guessed]
    return found if FULL else random.Random(document["name"]).sample(found, min(2, len(found)))


@needs_corpus
def test_l9_a_node_that_does_nothing_on_any_edge_does_not_matter() -> None:
    differing = []
    compared = 0
    for name, document in documents():
        plan = compiled(document)
        assert plan is not None
        plain = course(play(plan))
        for number in some_edges(plan, document):
            changed, inserted = with_no_op(document, number)
            other = compiled(changed)
            assert other is not None, (name, number)
            compared += 1
            if course(play(other, inserted=inserted, like=plan), inserted=inserted) != plain:
                differing.append((name, json.dumps(document["edges"][number])))
    assert differing == []
    assert compared > 700


@needs_corpus
@pytest.mark.parametrize("role", [Role.LOOP, Role.PARALLEL])
def test_l9_a_container_of_one_item_around_everything_does_not_matter(role: Role) -> None:
    for name, document in documents():
        plan = compiled(document)
        assert plan is not None
        inner, outer = course(play(plan)), course(play(wrapped(plan, role)))
        del inner[""]
        assert outer.pop("") == "completed", name
        assert outer == inner, name
