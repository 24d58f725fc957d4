"""All 401 real files load and compile, or are refused with a reason; and the shapes that they take (L9).

The tables are reviewed: a change of the compiler that moves one of them must be looked at, not merely regenerated.
"""

from __future__ import annotations

import pytest

from flowray.compiler.view import plan_view
from flowray.definition.loading import dump_definition, load_definition
from flowray.plan import plan_from_json, plan_to_json
from tests.conformance import table
from tests.conformance.shapes import Outcome, outcomes
from tests.corpus import load_workflow, needs_corpus, workflow_files

pytestmark = [needs_corpus, pytest.mark.corpus]

REFUSED = {
    "template__multi-stage-approval-workflow.json": [("CYCLE", "humanReview-1")],
}
"""It goes back to an earlier node inside a loop whose body is a guess: no implicit loop in an inferred one (R18)."""

CROSSING = {
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

BODIES = {
    ("histpattern__data-validation-pipeline", "loop-validate"): (
        "code-schema-check llm-anomaly conditional-valid memory-valid memory-invalid"
    ),
    ("histtemplate__appointment-reminder-confirmation", "loop-1"): (
        "switch-1 integration-gmail-48 integration-gmail-24 wait-1 conditional-1 "
        "integration-slack integration-airtable integration-sheets"
    ),
    ("histtemplate__compliance-document-monitor", "loop-1"): "url-1",
    ("histtemplate__content-calendar-multi-channel-distribution", "loop-1"): "conditional-1 http-1 integration-gmail",
    ("histtemplate__employee-onboarding-automation", "loop-1"): "integration-slack",
    ("histtemplate__figma-design-handoff", "loop-1"): "integration-jira",
    ("histtemplate__influencer-outreach-pipeline", "loop-1"): "llm-research llm-email",
    ("histtemplate__inventory-alert-reorder-system", "loop-1"): (
        "conditional-1 integration-slack-urgent integration-gmail integration-airtable"
    ),
    ("histtemplate__meeting-action-item-tracker", "loop-1"): "integration-asana",
    ("histtemplate__security-vulnerability-triage", "loop-1"): (
        "conditional-1 integration-linear-p0 integration-slack-security integration-linear-p2"
    ),
    ("histtemplate__tech-spec-to-jira-tickets", "loop-1"): "integration-jira",
    ("histtemplate__usage-based-upsell-detection", "loop-1"): (
        "switch-1 integration-gmail-soft integration-slack integration-gmail-urgent "
        "integration-gmail-limit integration-slack-cs"
    ),
    ("pattern__teams-sales-standup", "loop-reps"): "llm-rep-briefing action-outlook",
    ("template__accessibility-image-auditor", "loop-images"): "llm-audit shared-memory-store",
    ("template__ai-presentation-builder", "loop-slides"): "imageGeneration-1",
    ("template__brand-asset-validator", "loop-assets"): (
        "vision-check conditional-pass shared-memory-pass llm-feedback integration-slack"
    ),
    ("template__call-center-analytics", "loop-calls"): "audioInput-1 llm-analyze shared-memory-store",
    ("template__citation-finder", "loop-search"): "http-search url-fetch llm-extract shared-memory-store",
    ("template__customer-cohort-analyzer", "loop-cohorts"): "llm-analyze shared-memory-store",
    ("template__data-room-organizer", "loop-docs"): "llm-extract llm-classify integration-gdrive shared-memory-store",
    ("template__faq-auto-generator", "loop-questions"): "kb-query-answer llm-answer shared-memory-store",
    ("template__invoice-processor", "loop-invoices"): "vision-ocr",
    ("template__knowledge-gap-analyzer", "loop-topics"): "kb-query-1 llm-assess shared-memory-store",
    ("template__medical-image-analyzer", "loop-images"): "vision-analyze",
    ("template__medical-records-summarizer", "loop-records"): "pdfExtract-1",
    ("template__metrics-dashboard-builder", "loop-charts"): "shared-memory-chart",
    ("template__multi-level-approval-chain", "loop-approvers"): "humanReview-1",
    ("template__multi-stage-approval-workflow", "loop-approvers"): (
        "humanReview-1 switch-decision shared-memory-approve integration-slack-reject "
        "llm-escalate integration-slack-complete"
    ),
    ("template__news-aggregator-analyzer", "loop-queries"): "http-news embeddings-1 shared-memory-store",
    ("template__patent-search-assistant-2", "loop-patents"): "fileDownload-1",
    ("template__patent-search-assistant", "loop-search"): "http-patent llm-analyze shared-memory-store",
    ("template__product-photo-quality-analyzer", "loop-photos"): "vision-analyze",
    ("template__pronunciation-guide-generator", "loop-terms"): "llm-script audioOutput-1 shared-memory-store",
    ("template__research-report-generator", "loop-queries"): "http-search llm-extract shared-memory-store",
    ("template__resume-screener", "loop-resumes"): "vision-extract llm-score shared-memory-store",
    ("pattern__quality-reviewer", "llm-generate__cycle"): "llm-generate llm-evaluate conditional-quality",
    ("template__retry-with-exponential-backoff-2", "http-1__cycle"): (
        "http-1 conditional-success code-backoff conditional-retry wait-1 shared-memory-2"
    ),
    ("template__retry-with-exponential-backoff", "loop-retry"): (
        "http-call conditional-success code-backoff wait-backoff conditional-max"
    ),
    ("template__saga-pattern-workflow", "loop-compensate"): "llm-compensate",
    ("template__saga-pattern-workflow", "loop-steps"): (
        "llm-execute conditional-success shared-memory-log loop-compensate llm-compensate"
    ),
    ("template__scheduled-task-orchestrator-2", "loop-tasks"): "llm-execute",
    ("template__screenshot-diff-monitor", "loop-urls"): "screenshotCapture-1",
    ("template__technical-doc-translator", "loop-languages"): "llm-translate shared-memory-store",
    ("template__video-script-to-content-pipeline", "loop-scenes"): "videoGeneration-1",
    ("template__video-script-to-storyboard", "loop-scenes"): "llm-frame shared-memory-frame",
    ("template__voice-to-task-creator-2", "loop-events"): "integration-gcal",
    ("template__voice-to-task-creator-2", "loop-tasks"): "integration-asana",
    ("testdef__task-planner__task-planner-pipeline-2", "execute_subtasks"): "aggregate",
    ("testdef__task-planner__task-planner-pipeline", "execute_subtasks"): "aggregate",
    ("testdef__webhook__webhook-workflow-8", "loop"): "send_webhook",
}
"""File and loop → the nodes that it repeats, nested ones included where the body is inferred (R18)."""


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
    bodies = {}
    for item in found:
        for finding in item.diagnostics:
            if finding.code.value == "BODY_INFERRED":
                bodies[_key(item), finding.node_id] = " ".join(finding.message.split(": ")[1].rstrip(".").split(", "))
        if item.plan is not None:
            for container in item.plan.containers.values():
                if not container.inferred:
                    bodies[_key(item), container.id] = " ".join(item.plan.scopes[container.id].nodes)
    # Loops without a body are found as well: four test definitions and nothing else.
    assert {key: body for key, body in bodies.items() if body} == BODIES


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
