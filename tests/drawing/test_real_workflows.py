"""Every real workflow of the corpus that compiles is drawn: whole, well-formed, without overlaps."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree

import pytest

from flowray.compiler.builder import build_plan
from flowray.definition.loading import load_definition
from flowray.drawing.dot import to_dot
from flowray.drawing.layout import layout
from flowray.drawing.mermaid import to_mermaid
from flowray.drawing.svg import to_svg
from flowray.handlers.registry import default_registry
from flowray.plan import ExecutionPlan
from tests.corpus import load_workflow, needs_corpus, workflow_files
from tests.drawing.test_layout import contains, overlap

pytestmark = [pytest.mark.corpus, needs_corpus]


@pytest.fixture(scope="module")
def plans() -> dict[str, ExecutionPlan]:
    types = default_registry(plugins=False).node_types()
    found = {}
    for path in workflow_files():
        definition = load_definition(load_workflow(path)[1]).definition
        plan = build_plan(definition, types).plan if definition else None
        if plan is not None:
            found[path.stem] = plan
    return found


def test_there_are_many_of_them(plans: dict[str, ExecutionPlan]) -> None:
    assert len(plans) > 300


def test_everything_has_a_place_of_its_own(plans: dict[str, ExecutionPlan]) -> None:
    for name, plan in plans.items():
        placed = layout(plan)
        boxes = {**placed.nodes, **placed.groups}
        assert set(boxes) == set(plan.nodes), name
        for scope in plan.scopes.values():
            hidden = [pair for pair in combinations(scope.nodes, 2) if overlap(boxes[pair[0]], boxes[pair[1]])]
            assert hidden == [], name
            assert all(scope.id == "" or contains(boxes[scope.id], boxes[node_id]) for node_id in scope.nodes), name


def test_every_picture_is_well_formed(plans: dict[str, ExecutionPlan]) -> None:
    for name, plan in plans.items():
        assert ElementTree.fromstring(to_svg(plan)).attrib["role"] == "img", name
        assert to_mermaid(plan).startswith("flowchart TD"), name
        assert to_dot(plan).endswith("}\n"), name
