"""Reading n8n's files: ids, connections, helpers."""

from __future__ import annotations

from flowray.definition.diagnostics import Diagnostics
from flowray.definition.dialects.n8n.document import is_n8n, parsed, plain, read_n8n, rows
from tests.definition.dialects.n8n.drawing import node, workflow


def test_a_file_is_recognised_by_its_connections_and_packages() -> None:
    assert is_n8n(workflow(node("a", "set")))
    assert not is_n8n({"nodes": [{"id": "a", "type": "llm"}], "edges": []})
    assert not is_n8n({"nodes": {"a": {}}, "connections": {}})


def test_ids_are_made_of_names_and_differ() -> None:
    names = ["HTTP Request!", "HTTP Request", "2nd", "loop", "日本"]
    document = read_n8n(workflow(*(node(name, "set") for name in names)), Diagnostics())
    assert list(document.nodes) == ["HTTP_Request", "HTTP_Request_2", "n2nd", "loop_node", "node"]


def test_helpers_are_kept_apart_from_main_connections() -> None:
    file = workflow(node("m", "/lmChatOpenAi"), node("a", "/agent"), m=("ai_languageModel", "a"))
    document = read_n8n(file, Diagnostics())
    assert (document.links, document.helping) == ([], {"m"})
    assert [helper.id for helper in document.helped_by("a", "ai_languageModel")] == ["m"]


def test_a_connection_without_an_end_is_reported_with_its_place() -> None:
    found = Diagnostics()
    document = read_n8n(workflow(node("a", "set"), a=[["gone"]]), found)
    assert document.links == []
    assert [(item.code.value, item.pointer) for item in found] == [("DIALECT_UNSUPPORTED", "/connections/a/main/0")]


def test_values_of_locators_collections_and_json() -> None:
    assert plain({"__rl": True, "value": "x", "mode": "id"}) == "x"
    assert rows({"values": [{"a": 1}, 2]}, "values") == [{"a": 1}]
    assert (parsed("[1]"), parsed("no")) == ([1], "no")
