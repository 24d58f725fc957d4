"""SIM's two forms as one."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.diagnostics import Diagnostics
from flowray.definition.dialects.sim_document import is_sim, normal_name, read_sim
from tests.definition.dialects.sim_documents import block, export

WRAPPINGS = [lambda d: d, lambda d: {"data": d}, lambda d: d["state"], lambda d: {"data": d["state"]}]

SERIALISED: dict[str, Any] = {
    "blocks": [
        {"id": "O", "metadata": {"id": "loop", "name": "Outer"}, "config": {"params": {}}},
        {"id": "I", "metadata": {"id": "parallel", "name": "Inner"}, "config": {"params": {}}},
        {"id": "f", "metadata": {"id": "function", "name": "F"}, "config": {"params": {"code": "1", "x": None}}},
    ],
    "connections": [{"source": "O", "target": "I", "sourceHandle": "loop-start-source"}],
    "loops": {"O": {"nodes": ["I", "f"], "loopType": "for", "iterations": 2}},
    "parallels": {"I": {"nodes": ["f"], "count": 3}},
}


@pytest.mark.parametrize(
    "wrap", [lambda d: d, lambda d: {"data": d}, lambda d: d["state"], lambda d: {"data": d["state"]}]
)
def test_an_export_is_found_in_every_wrapping(wrap: Any) -> None:
    document = wrap(export({"a": block("function", "A")}))
    assert is_sim(document)
    assert list(read_sim(document, Diagnostics()).blocks) == ["a"]


def test_flowrays_own_definitions_are_not_sims() -> None:
    assert not is_sim({"nodes": {}, "edges": [], "blocks": {}})
    assert not is_sim({"blocks": {}})


def test_the_innermost_container_that_lists_a_block_holds_it() -> None:
    document = read_sim(SERIALISED, Diagnostics())
    assert {name: entry.parent for name, entry in document.blocks.items()} == {"O": None, "I": "O", "f": "I"}
    assert document.chain("f") == ["I", "O"]
    assert document.blocks["O"].settings["iterations"] == 2


def test_null_params_are_dropped() -> None:
    assert read_sim(SERIALISED, Diagnostics()).blocks["f"].params == {"code": "1"}


def test_an_exports_own_data_wins_over_what_may_be_stale() -> None:
    blocks = {"L": block("loop", "L", data={"collection": "<a.new>"})}
    document = export(blocks, loops={"L": {"nodes": [], "collection": "<a.old>", "loopType": "forEach"}})
    settings = read_sim(document, Diagnostics()).blocks["L"].settings
    assert (settings["collection"], settings["loopType"]) == ("<a.new>", "forEach")


def test_blocks_that_are_none_are_reported_with_their_place() -> None:
    found = Diagnostics()
    state = {"blocks": [{"id": "a", "type": "function"}, {"id": "a", "type": "function"}, 7], "edges": []}
    assert list(read_sim({"state": state}, found).blocks) == ["a"]
    assert [(item.code.value, item.pointer) for item in found] == [
        ("DUPLICATE_NODE_ID", "/state/blocks/1"),
        ("INVALID_FIELD", "/state/blocks/2"),
    ]


def test_names_are_compared_without_case_blanks_and_dots() -> None:
    assert normal_name("My Block.v2") == "myblockv2"


def test_an_agent_without_tools_asks_a_model_once() -> None:
    blocks = {
        "a": block("agent", "A"),
        "b": block("agent", "B", tools=[{"type": "x"}]),
        "c": block("x", triggerMode=True),
    }
    document = read_sim(export(blocks), Diagnostics())
    assert [entry.node_type for entry in document.blocks.values()] == ["llm", "agent", "trigger"]
