"""Routes of workflows: nothing is stored half, and every problem is told at once."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flowray import wire
from tests.api.conftest import GREET
from tests.api.fake_directory import FakeDirectory

YAML = """
schemaVersion: 1
name: greet
nodes:
  in: {type: input, config: {inputName: name}}
  out: {type: output, config: {outputName: greeting, value: "Hello {{name}}"}}
edges:
  - {source: in, target: out}
"""

CANVAS = {
    "name": "drawn",
    "nodes": [
        {"id": "i", "type": "input", "position": {"x": 0, "y": 0}, "data": {"label": "In", "inputName": "name"}},
        {"id": "o", "type": "output", "position": {"x": 9, "y": 0}, "data": {"outputName": "x", "value": "{{name}}"}},
    ],
    "edges": [{"id": "e", "source": "i", "target": "o"}],
}

UNKNOWN_TYPE = {"schemaVersion": 1, "nodes": {"a": {"type": "teleport"}}, "entryPoint": "a"}


async def test_create_answers_the_stored_workflow(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/workflows", json=GREET)
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/workflows/{body['id']}"
    assert (body["name"], body["version"], body["diagnostics"]) == ("greet", 1, [])
    assert body["definition"]["nodes"] == GREET["nodes"]
    assert body["created_at"] == "2025-06-15T15:06:40.000Z"
    assert (await http.get(f"/v1/workflows/{body['id']}")).json() == body
    assert set(body) == set(wire.Workflow.model_fields)


async def test_names_need_not_be_unique(http: httpx.AsyncClient) -> None:
    ids = {(await http.post("/v1/workflows", json=GREET)).json()["id"] for _ in range(2)}
    assert len(ids) == 2


@pytest.mark.parametrize("kind", ["application/yaml", "text/yaml; charset=utf-8", "application/x-www-form-urlencoded"])
async def test_yaml_is_read(http: httpx.AsyncClient, kind: str) -> None:
    answer = await http.post("/v1/workflows", content=YAML, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["name"]) == (201, "greet")


async def test_the_canvas_format_is_read(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/workflows", json=CANVAS)
    assert answer.status_code == 201, answer.text
    assert sorted(answer.json()["definition"]["nodes"]) == ["i", "o"]


async def test_a_wrong_definition_gets_every_problem_at_once_and_is_not_stored(
    http: httpx.AsyncClient, directory: FakeDirectory
) -> None:
    broken = {
        "schemaVersion": 1,
        "nodes": {"a": {"type": "input"}, "b": {"type": "output", "config": {}}},
        "edges": [{"source": "a", "target": "nobody"}, {"source": "ghost", "target": "b"}],
    }
    answer = await http.post("/v1/workflows", json=broken)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "INVALID_DEFINITION")
    codes = {item["code"] for item in problem["errors"]}
    assert {"UNKNOWN_EDGE_TARGET", "UNKNOWN_EDGE_SOURCE"} <= codes
    assert all({"code", "node_id", "pointer", "message", "hint"} <= set(item) for item in problem["errors"])
    assert directory.store.workflows().data == ()


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b'{"nodes": ', 400, "MALFORMED_BODY"), (b"", 400, "MALFORMED_BODY"), (b"\xff\xfe{", 400, "MALFORMED_BODY"),
        (b"[" * 5_000, 400, "MALFORMED_BODY"), (b'{"nodes": {}, "x": NaN}', 400, "MALFORMED_BODY"),
        (b"[]", 422, "INVALID_DEFINITION"), (b"{}", 422, "INVALID_DEFINITION"),
        (b'{"nodes": {"a": {"type": "input"}, "a": {"type": "input"}}}', 422, "INVALID_DEFINITION"),
        (b'{"nodes": {"a": {"type": "input", "config": {"x": "\\ud800"}}}}', 422, "INVALID_REQUEST"),
        (b'{"nodes": {"a": {"type": "input", "config": {"x": 99999999999999999999}}}}', 422, "INVALID_REQUEST"),
    ],
)  # fmt: skip
async def test_bad_input_a_malformed_definition(
    http: httpx.AsyncClient, directory: FakeDirectory, content: bytes, status: int, code: str
) -> None:
    answer = await http.post("/v1/workflows", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["detail"]
    assert directory.store.workflows().data == ()


@pytest.mark.parametrize("headers", [{"Content-Type": "image/png"}, {"Content-Encoding": "gzip"}])
async def test_bodies_in_other_formats_are_415(http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await http.post("/v1/workflows", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_FORMAT")


async def test_bad_input_an_unknown_node_type_is_a_warning_and_strict_makes_it_an_error(
    http: httpx.AsyncClient, directory: FakeDirectory
) -> None:
    strict = await http.post("/v1/workflows?strict=true", json=UNKNOWN_TYPE)
    assert strict.status_code == 422
    (finding,) = strict.json()["errors"]
    assert (finding["code"], finding["node_id"]) == ("UNKNOWN_NODE_TYPE", "a")
    assert directory.store.workflows().data == ()
    saved = await http.post("/v1/workflows", json=UNKNOWN_TYPE)
    assert saved.status_code == 201
    assert [(item["code"], item["severity"]) for item in saved.json()["diagnostics"]] == [
        ("UNKNOWN_NODE_TYPE", "warning")
    ]
    execute = await http.post(f"/v1/workflows/{saved.json()['id']}/execute?strict=true", json={})
    assert (execute.status_code, execute.json()["code"]) == (422, "INVALID_DEFINITION")


async def test_validate_answers_200_whatever_it_finds(http: httpx.AsyncClient, directory: FakeDirectory) -> None:
    good = await http.post("/v1/workflows/validate", json=GREET)
    assert (good.status_code, good.json()) == (200, {"valid": True, "diagnostics": []})
    empty = await http.post("/v1/workflows/validate", json={"nodes": {}})
    assert (empty.status_code, empty.json()["valid"]) == (200, False)
    assert empty.json()["diagnostics"][0]["severity"] == "error"
    text = await http.post("/v1/workflows/validate", content=b"{", headers={"Content-Type": "application/json"})
    assert (text.status_code, text.json()["valid"]) == (200, False)
    assert text.json()["diagnostics"][0]["code"] == "MALFORMED_DOCUMENT"
    loose = (await http.post("/v1/workflows/validate", json=UNKNOWN_TYPE)).json()
    strict = (await http.post("/v1/workflows/validate?strict=true", json=UNKNOWN_TYPE)).json()
    assert (loose["valid"], strict["valid"]) == (True, False)
    assert directory.store.workflows().data == ()


async def test_update_makes_a_version_only_of_a_change(http: httpx.AsyncClient, workflow: dict[str, Any]) -> None:
    path = f"/v1/workflows/{workflow['id']}"
    assert (await http.put(path, json=GREET)).json()["version"] == 1
    changed = await http.put(path, json={**GREET, "name": "greet again"})
    assert (changed.status_code, changed.json()["version"], changed.json()["name"]) == (200, 2, "greet again")
    assert changed.json()["hash"] != workflow["hash"]
    broken = await http.put(path, json={"nodes": {}})
    assert broken.status_code == 422
    assert (await http.get(path)).json() == changed.json()


async def test_update_does_not_create(http: httpx.AsyncClient, directory: FakeDirectory) -> None:
    answer = await http.put("/v1/workflows/none", json=GREET)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert directory.store.workflows().data == ()


async def test_delete_takes_it_away_once(http: httpx.AsyncClient, workflow: dict[str, Any]) -> None:
    path = f"/v1/workflows/{workflow['id']}"
    deleted = await http.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await http.delete(path)).status_code == 404
    assert (await http.get(path)).status_code == 404


async def test_list_pages_newest_first(http: httpx.AsyncClient) -> None:
    ids = [(await http.post("/v1/workflows", json=GREET)).json()["id"] for _ in range(3)]
    first = (await http.get("/v1/workflows?limit=2")).json()
    assert ([row["id"] for row in first["data"]], first["has_more"]) == ([ids[2], ids[1]], True)
    second = (await http.get("/v1/workflows", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [row["id"] for row in second["data"]] == [ids[0]]
    assert (second["has_more"], second["next_cursor"]) == (False, None)


async def test_the_plan_is_shown(http: httpx.AsyncClient, workflow: dict[str, Any]) -> None:
    plan = (await http.get(f"/v1/workflows/{workflow['id']}/plan")).json()
    wire.PlanView.model_validate(plan)
    assert plan["start_nodes"] == ["in"]
    assert plan["execution_order"] == [["in"], ["out"]]
    assert plan["readers"] == {"in": ["out"]}
    assert plan["nodes"]["out"]["dependencies"] == ["in"]
    assert {"dependents", "handle_types", "lane", "segment"} <= set(plan["nodes"]["in"])


async def test_while_the_database_is_away_saving_answers_503(http: httpx.AsyncClient, directory: FakeDirectory) -> None:
    directory.down = True
    answer = await http.post("/v1/workflows", json=GREET)
    assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"
