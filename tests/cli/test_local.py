"""run, validate and nodes, in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.cli.conftest import FAILING, GREET, Command

Write = Callable[..., Path]


def test_run_prints_outputs_on_stdout_and_progress_on_stderr(flowray: Command, workflow_file: Write) -> None:
    outcome = flowray("run", workflow_file(GREET), "--input", "name=Ada")
    assert outcome.code == 0
    assert outcome.data == {"greeting": "hi Ada"}
    assert "start (input)" in outcome.err
    assert "execution completed" in outcome.err


def test_run_reads_yaml(flowray: Command, tmp_path: Path) -> None:
    path = tmp_path / "greet.yaml"
    path.write_text(yaml.safe_dump(GREET))
    assert flowray("run", path, "--input-json", '{"name": "Bob"}', "-q", "-o", "yaml").out == "greeting: hi Bob\n"


def test_quiet_leaves_stderr_empty(flowray: Command, workflow_file: Write) -> None:
    assert flowray("run", workflow_file(GREET), "-i", "name=Ada", "--quiet").err == ""


def test_a_failed_run_leaves_stdout_empty_and_names_the_node(flowray: Command, workflow_file: Write) -> None:
    outcome = flowray("run", workflow_file(FAILING), "-o", "json")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.error["code"] == "UNKNOWN_NODE_TYPE"
    assert "'bad'" in outcome.error["message"]


def test_a_warning_of_the_compiler_is_shown_before_the_run(flowray: Command, workflow_file: Write) -> None:
    assert "UNKNOWN_NODE_TYPE" in flowray("run", workflow_file(FAILING)).err.splitlines()[0]


def test_full_prints_the_execution(flowray: Command, workflow_file: Write) -> None:
    outcome = flowray("run", workflow_file(GREET), "-i", "name=Ada", "--full")
    assert outcome.data["status"] == "completed"
    assert outcome.data["progress"]["completed"] == 2


def test_a_missing_input_is_usage(flowray: Command, workflow_file: Write) -> None:
    outcome = flowray("run", workflow_file(GREET), "-o", "json")
    assert outcome.code == 2
    assert outcome.error["errors"][0]["pointer"] == "/name"


def test_a_wrong_definition_names_every_finding(flowray: Command, workflow_file: Write) -> None:
    broken: dict[str, Any] = {**GREET, "edges": [{"source": "start", "target": "nowhere"}]}
    outcome = flowray("run", workflow_file(broken), "-i", "name=Ada", "-o", "json")
    assert outcome.code == 1
    assert outcome.error["code"] == "INVALID_DEFINITION"
    assert outcome.error["errors"][0]["pointer"].startswith("/edges/0")


def test_validate_accepts_with_0(flowray: Command, workflow_file: Write) -> None:
    outcome = flowray("validate", workflow_file(GREET), "-o", "json")
    assert (outcome.code, outcome.data) == (0, {"valid": True, "diagnostics": []})


def test_validate_shows_findings_as_lines_and_strict_refuses(flowray: Command, workflow_file: Write) -> None:
    path = workflow_file(FAILING)
    relaxed, strict = flowray("validate", path), flowray("validate", path, "--strict")
    assert relaxed.code == 0
    assert relaxed.out.startswith("warning UNKNOWN_NODE_TYPE")
    assert strict.code == 1
    assert strict.out.startswith("error UNKNOWN_NODE_TYPE")


def test_validate_of_another_kind_of_file_is_not_valid(flowray: Command, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text("[1, 2]")
    outcome = flowray("validate", path, "-o", "json")
    assert outcome.code == 1
    assert outcome.data["diagnostics"][0]["code"] == "MALFORMED_DOCUMENT"


def test_nodes_lists_types_and_shows_one(flowray: Command) -> None:
    names = [row["name"] for row in flowray("nodes", "-o", "jsonl").lines]
    assert {"http", "llm", "transform", "conditional"} <= set(names)
    assert "properties" in flowray("nodes", "http").data["config_schema"]


def test_an_unknown_node_type_is_not_found(flowray: Command) -> None:
    assert flowray("nodes", "no-such-type").code == 5
