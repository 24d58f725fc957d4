"""Seven real exports of SIM: they load with a report, compile, and run with scripted replies."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from flowray.compiler.builder import CompileResult, build_plan
from flowray.definition.diagnostics import Severity
from flowray.definition.loading import LoadResult, load_definition
from flowray.engine.commands import RunNode
from flowray.engine.context import ContextSlice
from flowray.expressions.template import TemplateWarning, fill
from flowray.handlers.registry import default_registry
from tests.conformance.sim_player import SENTINELS, by_handler, names_of
from tests.corpus import CORPUS, needs_corpus
from tests.engine.harness import Reply, Run, ok

NODE_TYPES = default_registry(plugins=False).node_types()

NAMES = (
    "competitor-monitor", "customer-feedback-digest", "email-triage", "gh-release-agent", "lead-enricher",
    "ocr-invoice-db", "pr-review",
)  # fmt: skip

PAYLOADS: dict[str, dict[str, Any]] = {
    "email-triage": {"email": {"subject": "Broken", "from": "a@b.c", "bodyText": "It is broken."}},
    "gh-release-agent": {
        "release": {"tag_name": "v1", "name": "One", "html_url": "https://x/1", "body": "notes"},
        "repository": {"full_name": "o/r"},
    },
    "lead-enricher": {"Email": "lead@company.com", "emails": ["a@b.c", "d@e.f"]},
    "ocr-invoice-db": {"email": {"attachments": [{"url": "https://x/invoice.pdf"}]}},
    "pr-review": {
        "pull_request": {
            "title": "Fix", "body": "why", "html_url": "https://x/2", "diff_url": "https://x/2.diff", "additions": 3,
            "deletions": 1, "changed_files": 2, "user": {"login": "ann"}, "head": {"ref": "fix"},
            "base": {"ref": "main"},
        },
        "repository": {"full_name": "o/r"},
    },
}  # fmt: skip

RAN = {
    "competitor-monitor": ["dailyTrigger", "competitorMonitor", "slackNotify"],
    "customer-feedback-digest": ["Schedule", "Agent", "Slack"],
    "email-triage": ["Gmail1", "Agent1"],
    "gh-release-agent": ["githubtrigger", "summarizer", "slacknotify"],
    "lead-enricher": ["Start", "Agent", "Agent", "GoogleSheets", "GoogleSheets", "dataParallel"],
    "ocr-invoice-db": ["gmailTrigger", "File Parser", "invoiceExtractor", "supabaseInvoices"],
    "pr-review": ["githubtrigger", "reviewer", "slacknotify"],
}
"""Every block but the notes, in the order of the drawing."""


@cache
def load(name: str) -> LoadResult:
    assert CORPUS is not None
    return load_definition(_file(CORPUS, name).read_text())


@cache
def compiled(name: str) -> CompileResult:
    return build_plan(load(name).require(), NODE_TYPES)


def _file(corpus: Path, name: str) -> Path:
    return next((corpus / "sim" / "exports").glob(f"{name}-*.json"))


def play(name: str) -> tuple[Run, dict[str, Any], list[TemplateWarning]]:
    """The run, the filled config of each instance, and what could not be filled. Agents and tools answer in kind."""
    filled: dict[str, Any] = {}
    warnings: list[TemplateWarning] = []

    def reply(call: RunNode, context: ContextSlice) -> Reply:
        node = run.plan.nodes[call.node_id]
        names = names_of(run, call, context, {"FIRECRAWL_API_KEY": "k1", "XAI_API_KEY": "k2", "SUPABASE_API_KEY": "k3"})
        if node.type in SENTINELS:
            return by_handler(SENTINELS[node.type], call, node.config, names)
        filled[call.instance] = fill(node.config, names, warnings=warnings)
        if node.type == "trigger":
            return ok(dict(names.inputs))
        answer = {"text": "an answer", "content": "an answer", "row": [["a", "b"]], "files": [{"name": "invoice.pdf"}]}
        return ok(answer if node.type in ("llm", "agent", "file_v3") else {"sent": filled[call.instance]})

    plan = compiled(name).require()
    run = Run(plan, dict.fromkeys(plan.nodes, reply))
    run.start(**PAYLOADS.get(name, {})).play()
    return run, filled, warnings


@needs_corpus
@pytest.mark.parametrize("name", NAMES)
def test_it_loads_with_a_report_that_points_into_the_file(name: str) -> None:
    result = load(name)
    assert result.source_format == "sim"
    assert result.definition is not None
    assert result.definition.name == name
    assert not [finding for finding in result.diagnostics if finding.severity is Severity.ERROR]
    assert {finding.code.value for finding in result.diagnostics} <= {"DIALECT_CHANGED", "DIALECT_UNSUPPORTED"}
    assert all(re.fullmatch(r"/state/blocks/[0-9a-f-]{36}(/.+)?", finding.pointer) for finding in result.diagnostics)


@needs_corpus
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_with_scripted_replies(name: str) -> None:
    run, filled, _ = play(name)
    assert run.ended == "completed"
    names = [run.plan.nodes[event.node_id].name for event in run.of_type("node.completed")]
    assert Counter(names) == Counter(RAN[name])
    assert not re.search(r"<[a-z]\w*\.[\w.\[\]]+>", str(filled))


@needs_corpus
def test_only_what_the_template_itself_gets_wrong_is_left_unfilled() -> None:
    unfilled = {name: {warning.placeholder for warning in play(name)[2]} for name in NAMES}
    hook = {"{{env.GITHUB_WEBHOOK_SECRET}}"}
    assert {name: found for name, found in unfilled.items() if found} == {"gh-release-agent": hook}


@needs_corpus
def test_references_carry_values_from_block_to_block() -> None:
    run, filled, _ = play("gh-release-agent")
    by_name = {run.plan.nodes[node_id].name: config for node_id, config in filled.items()}
    assert "Release Notes:\nnotes\n" in by_name["summarizer"]["messages"][-1]["content"]
    assert "an answer" in by_name["slacknotify"]["text"]
    assert run.outputs == {"sent": by_name["slacknotify"]}


@needs_corpus
def test_the_parallel_of_the_lead_enricher_takes_each_item_and_lists_both_outputs() -> None:
    run, filled, _ = play("lead-enricher")
    asked = [config["messages"][-1]["content"] for config in filled.values() if "messages" in config]
    assert asked == ["a@b.c", "d@e.f"]
    results = run.outputs["results"]
    assert [len(entry) for entry in results] == [2, 2]
    assert results[0][1]["sent"]["values"] == [["a", "b"]]


@needs_corpus
def test_the_report_finds_the_templates_own_mistake() -> None:
    """Its start block declares ``Email``; its parallel reads ``emails``."""
    messages = [finding.message for finding in load("lead-enricher").diagnostics]
    assert "'Start' declares no input 'emails' (declared: Email); it may be null." in messages


@needs_corpus
def test_schedules_and_integrations_are_named_in_the_report() -> None:
    trigger = next(node for node in load("competitor-monitor").require().nodes.values() if node.type == "trigger")
    assert trigger.config["schedule"] == "0 8 * * *"
    assert trigger.config["timezone"] == "America/New_York"
    foreign = {
        (finding.message.split("block '")[1].split("'")[0], finding.hint is not None)
        for name in NAMES
        for finding in load(name).diagnostics
        if "no counterpart" in finding.message
    }
    assert foreign == {(kind, True) for kind in ("slack", "google_sheets_v2", "supabase", "file_v3")}
