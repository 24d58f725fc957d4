"""All 401 real files load and compile, or are refused with a reason; and the shapes that they take (L9).

The tables are reviewed: a change of the compiler that moves one of them must be looked at, not merely regenerated.
"""

from __future__ import annotations

import pytest

from flowray.compiler.view import plan_view
from flowray.definition.loading import dump_definition, load_definition
from flowray.plan import plan_from_json, plan_to_json
from tests.conformance import table
from tests.conformance.inferred_loops import verdicts
from tests.conformance.shapes import Outcome, outcomes
from tests.corpus import load_workflow, needs_corpus, workflow_files

pytestmark = [needs_corpus, pytest.mark.corpus]

REFUSED = {
    "template__multi-stage-approval-workflow.json": [("CYCLE", "humanReview-1")],
}
"""It goes back to an earlier node inside a loop whose body is a guess: no implicit loop in an inferred one (R18)."""

CROSSING = {
    ("template__audiobook-narrator", "ordering", "input-voice", "loop-chapters"),
    ("template__form-digitizer", "ordering", "input-formtype", "loop-forms"),
    ("template__batch-data-processor", "ordering", "input-config", "loop-chunks"),
    ("histpattern__content-moderation", "ordering", "memory-history", "llm-text-analysis"),
    ("pattern__docusign-contract-automation", "ordering", "action-sf-account", "action-hubspot"),
    ("pattern__docusign-contract-automation", "ordering", "action-gdrive", "action-sf-update"),
    ("pattern__mongodb-pipeline-monitor", "ordering", "action-sentry", "action-notion-incident"),
    ("pattern__salesforce-opportunity-analyzer", "ordering", "action-sf-account", "llm-competitive"),
    ("pattern__stripe-payment-reconciliation", "ordering", "llm-fraud", "llm-insights"),
    ("pattern__quality-reviewer", "exit", "llm-generate__cycle", "output-1"),
    ("template__retry-with-exponential-backoff-2", "exit", "http-1__cycle", "output-1"),
    ("template__retry-with-exponential-backoff-2", "exit", "http-1__cycle", "integration-slack"),
    ("template__document-approval-flow", "ordering", "integration-drive", "llm-classify"),
    ("template__retry-with-exponential-backoff", "exit", "loop-retry", "output-success"),
    ("template__retry-with-exponential-backoff", "exit", "loop-retry", "output-failure"),
}
"""File, kind, source, target: exit edges (R4), and ordering edges that references imply (R6)."""

MARKED = {
    ("histpattern__data-validation-pipeline", "loop-validate"): (
        "code-schema-check llm-anomaly conditional-valid memory-valid memory-invalid"
    ),
    ("pattern__quality-reviewer", "llm-generate__cycle"): "llm-generate llm-evaluate conditional-quality",
    ("template__retry-with-exponential-backoff-2", "http-1__cycle"): (
        "http-1 conditional-success code-backoff conditional-retry wait-1 shared-memory-2"
    ),
    ("template__retry-with-exponential-backoff", "loop-retry"): (
        "http-call conditional-success code-backoff wait-backoff conditional-max"
    ),
}
"""File and loop → the nodes that it repeats, where an edge back or the handles of the body say so."""


@pytest.fixture(scope="module")
def found() -> list[Outcome]:
    return outcomes()


def test_every_file_loads_and_compiles_or_is_refused_for_a_reason(found: list[Outcome]) -> None:
    assert len(found) == 401
    assert all(item.loaded for item in found)
    assert {item.file: item.errors for item in found if item.plan is None} == REFUSED


def test_plans_survive_json_and_can_be_viewed(found: list[Outcome]) -> None:
    for item in found:
        if item.plan is not None:
            assert plan_from_json(plan_to_json(item.plan)) == item.plan
            view = plan_view(item.plan)
            assert len(view["nodes"]) == len(item.plan.nodes) + len(item.plan.containers)


def test_files_are_stored_in_a_form_that_loads_again() -> None:
    for path in workflow_files():
        definition = load_definition(load_workflow(path)[1]).require()
        assert load_definition(dump_definition(definition)).require() == definition, path.name


def test_r18_loops_repeat_the_reviewed_nodes(found: list[Outcome]) -> None:
    """With the installed types alone; what is inferred with all of them is compared in ``test_inferred_loops``."""
    bodies = {}
    for item in found:
        for finding in item.diagnostics:
            if finding.code.value == "BODY_INFERRED":
                bodies[_key(item), finding.node_id] = " ".join(finding.message.split(": ")[1].rstrip(".").split(", "))
        if item.plan is not None:
            for container in item.plan.containers.values():
                if not container.inferred:
                    bodies[_key(item), container.id] = " ".join(item.plan.scopes[container.id].nodes)
    reviewed = {
        (file.removesuffix(".json"), loop): " ".join(entry["body"]) for (file, loop), entry in verdicts().items()
    }
    # Loops without a body are found as well: four test definitions and nothing else.
    assert {key: body for key, body in bodies.items() if body} == MARKED | {k: b for k, b in reviewed.items() if b}


def test_r4_r6_edges_that_cross_or_order_are_the_reviewed_ones(found: list[Outcome]) -> None:
    crossing = {
        (_key(item), edge.kind, edge.source, edge.target)
        for item in found
        if item.plan is not None
        for scope in item.plan.scopes.values()
        for edge in scope.edges
        if edge.kind != "flow"
    }
    assert crossing == CROSSING


def test_the_page_is_up_to_date() -> None:
    assert table.TARGET.read_text(encoding="utf-8") == table.render(), "run: python -m tests.conformance.table"


def _key(item: Outcome) -> str:
    return item.file.removesuffix(".json")
