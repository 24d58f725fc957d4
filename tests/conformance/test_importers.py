"""Every real n8n and Dify file: it loads, most of its nodes are real nodes, it compiles, and several run to the end."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flowray.compiler.builder import build_plan
from flowray.definition.diagnostics import Severity
from flowray.handlers.handler import NodeInput
from tests.conformance.imported_runs import REGISTRY, files, loaded, named, run
from tests.conformance.imported_share import dify_share, n8n_share
from tests.corpus import needs_corpus

REFUSED = {"create-update-and-get-a-profile-in-humantic-ai-7e36.json": "INVALID_CONFIG"}
"""Files that do not compile: this one asks an address that is empty."""

UNREADABLE = {
    "n8n": {
        "conversational-interviews-with-ai-agents-and-n8n-forms-ce5d.json",
        "monthly-spotify-track-archiving-and-playlist-classification-489f.json",
        "resumebot-b787.json",
    },
    "dify": {"file-read-890a.yml", "llm2o1-cn-e561.yml"},
}
"""Files with braces in plain text, which their tools leave alone, or an expression that holds braces of its own."""


@needs_corpus
def test_every_file_is_recognised_and_loads() -> None:
    for tool, count in (("n8n", 218), ("dify", 29)):
        found = [(path.name, loaded(path).source_format, loaded(path).definition is not None) for path in files(tool)]
        assert len(found) == count
        assert [entry for entry in found if entry[1:] != (tool, True)] == []


@needs_corpus
def test_most_nodes_of_n8n_are_real_nodes() -> None:
    share = n8n_share()
    print("n8n:", share.table())
    assert share.mapped.total() + share.unmapped.total() == 3941
    assert share.of_all >= 0.8
    assert share.without_notes >= 0.8


@needs_corpus
def test_most_nodes_of_dify_are_real_nodes() -> None:
    share = dify_share()
    print("dify:", share.table())
    assert share.mapped.total() + share.unmapped.total() == 435
    assert share.of_all >= 0.8
    assert share.without_notes >= 0.8


@needs_corpus
@pytest.mark.parametrize("tool", ["n8n", "dify"])
def test_every_file_compiles_or_is_refused_with_a_reason(tool: str) -> None:
    refused = {}
    for path in files(tool):
        result = build_plan(loaded(path).require(), REGISTRY.node_types())
        errors = [finding for finding in result.diagnostics if finding.severity is Severity.ERROR]
        if errors:
            refused[path.name] = ",".join(finding.code.value for finding in errors)
    assert refused == (REFUSED if tool == "n8n" else {})


@needs_corpus
@pytest.mark.parametrize("tool", ["n8n", "dify"])
def test_hardly_any_expression_cannot_be_read(tool: str) -> None:
    found = {
        path.name
        for path in files(tool)
        for item in build_plan(loaded(path).require(), REGISTRY.node_types()).diagnostics
        if item.code in ("EXPRESSION_SYNTAX", "UNKNOWN_REFERENCE")
    }
    assert found == UNREADABLE[tool]


@needs_corpus
@pytest.mark.parametrize("tool", ["n8n", "dify"])
def test_findings_point_into_the_file(tool: str) -> None:
    for path in files(tool):
        source = json.loads(path.read_text()) if path.suffix == ".json" else None
        for finding in loaded(path).diagnostics:
            assert finding.message
            if source is not None and finding.pointer.startswith("/nodes/"):
                assert int(finding.pointer.split("/")[2]) < len(source["nodes"])


# -- executions ------------------------------------------------------------------------------------------------------


def no_one(node: NodeInput) -> Any:
    """Nothing outside is asked."""
    raise AssertionError(f"{node.node_id} is not scripted")


def outputs(path: Path, inputs: dict[str, Any], answer: Any, *, trigger: str | None = None) -> dict[str, Any]:
    execution = run(path, inputs, answer, trigger=trigger)
    assert execution["status"] == "completed", execution["error"]
    found: dict[str, Any] = execution["outputs"]
    return found


@needs_corpus
def test_n8n_a_program_that_checks_itself() -> None:
    found = outputs(named("n8n", "synthetic-candidate-intake"), {}, no_one)
    (checked,) = found.values()
    assert (checked["passed"], checked["failed"]) == (6, 0)


@needs_corpus
def test_n8n_a_webhook_a_program_and_two_services() -> None:
    asked: dict[str, dict[str, Any]] = {}

    def answer(node: NodeInput) -> Any:
        asked[node.node_id] = node.config
        return {"data": {"ok": True}}

    given = {"name": "Ann", "email": "ann@example.com", "company": "Acme"}
    found = outputs(named("n8n", "clientflow-lite"), given, answer)
    row = asked["Log_to_Sheets"]["parameters"]["columns"]["value"]
    assert (row["Name"], row["Company"], row["Project"]) == ("Ann", "Acme", "General")
    mail = asked["Gmail_Welcome_Email"]["parameters"]
    assert mail["sendTo"] == "ann@example.com"
    assert mail["message"].startswith("Hi Ann,\n\nWelcome! We're excited to start working on your General project.")
    assert (found["data"], found["status"]) == ('{"success":true}', 200)


@needs_corpus
def test_n8n_a_program_that_throws_fails_the_execution() -> None:
    execution = run(named("n8n", "clientflow-lite"), {}, no_one)
    assert execution["status"] == "failed"
    assert "Client name required" in execution["error"]["message"]


@needs_corpus
def test_n8n_a_request_and_a_program_over_its_answer() -> None:
    asked: list[dict[str, Any]] = []

    def answer(node: NodeInput) -> Any:
        asked.append(node.config)
        tweets = [{"id": "7", "text": "hello", "author": {"username": "ann"}}]
        return {"status": 200, "data": {"tweets": tweets, "has_more": True}, "headers": {}}

    found = outputs(named("n8n", "monitor-x-search"), {}, answer)["Build_Digest"]
    assert asked[0]["queryParams"][0] == {"key": "q", "value": "n8n automation"}
    assert (found["query"], found["results_count"], found["has_more"]) == ("n8n automation", 1, True)
    assert found["digest"] == "1. hello by ann\nhttps://x.com/i/web/status/7"


@needs_corpus
def test_n8n_a_model_with_an_output_parser() -> None:
    seen: list[dict[str, Any]] = []

    def answer(node: NodeInput) -> Any:
        seen.append(node.config)
        return {"text": "{}", "data": {"name": "Ann", "commtype": "email"}}

    found = outputs(named("n8n", "extract-personal-data"), {"chatInput": "I am Ann"}, answer)
    assert seen[0]["prompt"] == "I am Ann"
    assert (seen[0]["provider"], seen[0]["model"]) == ("ollama", "mistral-nemo:latest")
    assert seen[0]["outputSchema"]["required"] == ["name", "commtype"]
    assert found["Extract_JSON_Output"] == {"name": "Ann", "commtype": "email"}


@needs_corpus
def test_n8n_a_branch_that_answers_with_a_status() -> None:
    found = outputs(named("n8n", "b2b-demo-lead-rescue"), {"name": "Ann"}, no_one)
    assert found["status"] == 400
    assert found["data"]["status"] == "needs_contact"


@needs_corpus
def test_n8n_several_items_run_in_a_loop() -> None:
    """What comes behind a node that gives several items runs once for each."""
    found: list[str] = []

    def answer(node: NodeInput) -> Any:
        found.append(node.node_type)
        if node.node_type == "integration" and node.config["operation"] == "listRecords":
            return {"data": [{"id": f"r{number}", "name": f"n{number}"} for number in range(3)]}
        return {"data": {"ok": True}}

    outputs(named("n8n", "airtable-to-google-sheets"), {}, answer)
    assert Counter(found) == {"integration": 4}


@needs_corpus
def test_dify_a_model_and_a_python_program() -> None:
    def answer(node: NodeInput) -> Any:
        assert "cats" in json.dumps(node.config["messages"])
        return {"text": "One\nTwo"}

    assert outputs(named("dify", "f366cf04"), {"subject": "cats"}, answer) == {"title_list": ["One", "Two"]}


@needs_corpus
def test_dify_an_iteration_with_four_models_in_each_round() -> None:
    calls: list[str] = []

    def answer(node: NodeInput) -> Any:
        calls.append(node.node_id)
        return {"text": f"t{len(calls)}"}

    found = outputs(named("dify", "da20f1a9"), {"input_text": "x" * 9000}, answer)
    assert len(calls) == 8
    assert found == {"final": "t4 t8"}


@needs_corpus
@pytest.mark.parametrize(("country", "models"), [("", 3), ("Spain", 3)])
def test_dify_a_branch_whose_ways_meet_in_an_aggregator(country: str, models: int) -> None:
    seen: list[str] = []

    def answer(node: NodeInput) -> Any:
        seen.append(json.dumps(node.config["messages"]))
        return {"text": f"text {len(seen)}"}

    given = {"source_lang": "English", "target_lang": "Spanish", "source_text": "Hello", "country": country}
    found = outputs(named("dify", "translation-workflow"), given, answer)
    assert len(seen) == models
    assert "text 2" in seen[2], "the aggregator hands on the suggestions of the way that was taken"
    assert "text 3" in json.dumps(found)


@needs_corpus
def test_dify_a_classifier_that_is_not_asked() -> None:
    def answer(node: NodeInput) -> Any:
        return {"text": "something else"}

    found = outputs(named("dify", "document-chat"), {"input": "hm"}, answer)
    assert found["output"].startswith("你的问题 hm 不属于")


@needs_corpus
def test_dify_an_agent_answers_in_a_chatflow() -> None:
    seen: list[dict[str, Any]] = []

    def answer(node: NodeInput) -> Any:
        seen.append(node.config)
        return {"text": "it is noon"}

    assert outputs(named("dify", "agent-fbc8"), {"query": "what time is it?"}, answer) == {"answer": "it is noon"}
    assert seen[0]["prompt"] == "what time is it?"
    assert seen[0]["tools"]


@needs_corpus
def test_dify_a_chatflow_whose_first_answer_is_a_template() -> None:
    found = outputs(named("dify", "llm-c7f0"), {"query": "hello"}, no_one)
    assert "还未开始游戏" in found["answer"]
