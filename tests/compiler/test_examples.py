"""The workflows in ``examples/`` load, compile without a finding, and say what they need."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flowray.compiler.builder import build_plan
from flowray.definition.loading import load_definition
from flowray.definition.workflow import WorkflowDefinition
from flowray.handlers.builtin import builtin_handlers
from flowray.handlers.registry import NodeRegistry
from tests.example_replies import EXAMPLES, EXECUTED, INPUTS, OUTPUTS, REPLIES

FILES = sorted(path for path in EXAMPLES.iterdir() if path.suffix in (".json", ".yaml"))


def _load(path: Path) -> WorkflowDefinition:
    return load_definition(path.read_text(encoding="utf-8")).require()


def test_there_are_at_least_ten_in_both_formats() -> None:
    assert len(FILES) >= 10
    assert {path.suffix for path in FILES} == {".json", ".yaml"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_example_compiles_strictly_without_a_finding(path: Path) -> None:
    loaded = load_definition(path.read_text(encoding="utf-8"))
    result = build_plan(loaded.require(), NodeRegistry(builtin_handlers()).node_types(), strict=True)
    assert [item.message for item in (*loaded.diagnostics, *result.diagnostics)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_example_describes_itself_and_its_inputs(path: Path) -> None:
    definition = _load(path)
    assert definition.name
    assert definition.description
    assert definition.inputs is not None
    properties: dict[str, Any] = definition.inputs["properties"]
    assert all(schema["examples"] for schema in properties.values())
    examples = {name: schema["examples"][0] for name, schema in properties.items()}
    Draft202012Validator(definition.inputs).validate(examples)
    Draft202012Validator(definition.inputs).validate(INPUTS[path.name])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_requests_go_where_an_input_says_and_have_a_reply(path: Path) -> None:
    for node_id, node in _load(path).nodes.items():
        if node.type != "http":
            continue
        url = str(node.config["url"])
        assert re.match(r"^\{\{inputs\.\w+\}\}", url), node_id
        served = re.sub(r"^\{\{inputs\.\w+\}\}", "", url)
        pattern = re.compile(re.sub(r"\\\{\\\{.*?\\\}\\\}", "[^/]+", re.escape(served)))
        assert not served or any(
            method == node.config["method"] and pattern.fullmatch(reply) for method, reply in REPLIES
        ), url


def test_every_example_has_inputs_and_an_expected_course() -> None:
    names = {path.name for path in FILES}
    assert names == INPUTS.keys() == EXECUTED.keys() == OUTPUTS.keys()
    for path in FILES:
        completed, skipped = EXECUTED[path.name]
        expected = completed | skipped | ({"primary"} if path.name == "fallback-source.yaml" else set())
        assert expected == _load(path).nodes.keys()
