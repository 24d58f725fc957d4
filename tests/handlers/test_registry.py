"""Registry: order, aliases, fallback, plugins, descriptions."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import jsonschema
import pytest

from flowray.definition.node_type import NodeType, Role
from flowray.errors import FlowrayError
from flowray.handlers import registry as registry_module
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.logic.input import InputHandler
from flowray.handlers.registry import NodeRegistry, default_registry, load_plugin
from tests.handlers.running import REGISTRY, fail, output

TYPES = {
    "input", "trigger", "output", "conditional", "loop", "parallel", "variable", "transform", "wait", "http", "llm",
    "comment", "switch", "router", "break", "continue", "response", "shared-memory", "variables", "pause",
    "humanReview", "subworkflow", "integration",
    "files", "parseDocument", "pdfExtract", "templateOutput", "chartGeneration", "pdfGeneration",
    "spreadsheetGeneration",
    "vision", "embeddings", "imageGeneration", "videoGeneration", "audio", "audioInput", "audioOutput",
    "audioTranscription",
    "fileRead", "fileWrite", "fileOperations", "fileDownload", "url", "webBrowse", "webSearch", "email",
    "ocrExtraction",
}  # fmt: skip


class Shout:
    node_type = NodeType(name="shout", summary="Upper case.", aliases=("yell",))

    def can_handle(self, type_name: str) -> bool:
        return type_name in ("shout", "yell", "input")

    def execute(self, node: NodeInput) -> NodeResult:
        return NodeResult(data=str(node.config.get("text", "")).upper())


def test_the_built_in_types_and_their_aliases() -> None:
    types = REGISTRY.node_types()
    assert {node_type.name for node_type in types.values()} >= TYPES
    for alias, name in {"if": "conditional", "condition": "conditional", "delay": "wait", "sleep": "wait",
                        "forEach": "loop", "while": "loop", "repeat": "loop", "note": "comment"}.items():  # fmt: skip
        assert types[alias].name == name
        assert REGISTRY.handler_for(alias).node_type.name == name
    assert types["comment"].role is Role.NOTE
    assert types["llm"].waits_with({})
    assert types["http"].waits_with({})
    assert not types["transform"].waits_with({})


def test_descriptions_carry_valid_schemas() -> None:
    described = {item["name"]: item for item in REGISTRY.describe()}
    assert set(described) >= TYPES
    for item in described.values():
        jsonschema.Draft202012Validator.check_schema(item["config_schema"])
    assert described["http"]["effects"] == "write"
    assert described["conditional"]["aliases"] == ["condition", "if"]
    assert "queryParams" in described["http"]["config_schema"]["properties"]
    assert described["wait"]["lane"] == "inline"


def test_the_first_match_wins_and_registering_clears_the_cache() -> None:
    registry = NodeRegistry([InputHandler()])
    assert isinstance(registry.handler_for("input"), InputHandler)
    registry.register(Shout(), first=False)
    assert isinstance(registry.handler_for("input"), InputHandler)
    registry.register(Shout())
    assert isinstance(registry.handler_for("input"), Shout)
    assert registry.handler_for("yell") is registry.handler_for("yell")
    with pytest.raises(FlowrayError, match="is no node handler"):
        registry.register(object())  # type: ignore[arg-type]


async def test_an_unknown_type_fails_names_near_misses_and_how_to_add_it() -> None:
    error = await fail("transfrom", {})
    assert (error.code, error.retryable) == ("UNKNOWN_NODE_TYPE", False)
    assert error.message == "no handler for node type 'transfrom'; did you mean transform?"
    assert error.hint is not None
    assert "flowray.nodes" in error.hint
    assert error.details["near"] == ["transform"]
    assert (await fail("slackMessage", {})).message == "no handler for node type 'slackMessage'"
    assert not REGISTRY.is_known("transfrom")
    assert REGISTRY.is_known("if")


def entry(value: str) -> EntryPoint:
    return EntryPoint(name="shouting", value=value, group="flowray.nodes")


async def test_plugins_come_from_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [entry(f"{__name__}:Shout")]
    monkeypatch.setattr(
        registry_module, "entry_points", lambda **given: found if given == {"group": "flowray.nodes"} else []
    )
    assert await output("yell", {"text": "hi"}, registry=default_registry()) == "HI"
    assert not default_registry(plugins=False).is_known("yell")


def handlers() -> list[Any]:
    return [Shout()]


def test_a_plugin_may_be_a_function_and_a_broken_one_is_named() -> None:
    assert len(load_plugin(entry(f"{__name__}:handlers"))) == 1
    with pytest.raises(FlowrayError, match=r"the node plugin 'shouting' \(no_such_module:X\) cannot be loaded"):
        load_plugin(entry("no_such_module:X"))
