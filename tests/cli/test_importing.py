"""``flowray import``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowray.cli.main import run
from tests.definition.dialects.n8n.drawing import node, workflow


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "n8n.json"
    drawn = workflow(node("start", "manualTrigger"), node("s", "ssh"), node("ok", "noOp"), start=[["s"]], s=[["ok"]])
    path.write_text(json.dumps(drawn))
    return path


def test_the_definition_goes_to_a_file_and_the_report_to_stderr(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["import", str(file), "--to", str(tmp_path / "wf.json")]) == 0
    written = json.loads((tmp_path / "wf.json").read_text())
    assert (written["entryPoint"], set(written["nodes"])) == ("start", {"start", "s", "ok"})
    out = capsys.readouterr()
    assert out.out == ""
    assert "n8n's node type 'ssh' has no counterpart." in " ".join(out.err.split())
    assert run(["validate", str(tmp_path / "wf.json")]) == 0


def test_json_holds_both(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", str(file), "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["format"] == "n8n"
    assert document["definition"]["schemaVersion"] == 1
    assert "DIALECT_UNSUPPORTED" in {item["code"] for item in document["diagnostics"]}


def test_a_workflow_that_would_not_be_accepted_is_exit_code_1(tmp_path: Path) -> None:
    path = tmp_path / "n8n.json"
    path.write_text(json.dumps(workflow(node("a", "manualTrigger"), node("b", "httpRequest"), a=[["b"]])))
    assert run(["import", str(path), "--dialect", "n8n"]) == 1


def test_a_dialect_that_is_named_is_believed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"nodes": [{"name": "a", "type": "n8n-nodes-base.set", "parameters": {}}]}))
    assert run(["import", str(path), "--dialect", "n8n", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["format"] == "n8n"


def test_a_file_that_is_no_workflow(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("[1]")
    assert run(["import", str(path)]) == 1
