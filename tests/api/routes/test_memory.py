"""The memory of a workflow over HTTP, filled by real executions (R17)."""

from __future__ import annotations

import asyncio
from typing import Any

from flowray import wire
from tests.api.local_server import INPUT, LocalServer, output


def remembering(operation: str, **config: Any) -> dict[str, Any]:
    return {"type": "shared-memory", "config": {"operation": operation, "scope": "workflow", **config}}


VISITS: dict[str, Any] = {
    "name": "visits",
    "nodes": {
        "in": INPUT,
        "count": remembering("increment", key="visits"),
        "log": remembering("append", key="by/who", value=["{{name}}"]),
        "read": remembering("get", key="visits"),
        "out": output("{{read}}"),
    },
    "edges": [
        {"source": "in", "target": "count"}, {"source": "count", "target": "log"}, {"source": "log", "target": "read"},
        {"source": "read", "target": "out"},
    ],
    "entryPoint": "in",
}  # fmt: skip


async def save(server: LocalServer, definition: dict[str, Any] = VISITS) -> str:
    answer = await server.http.post("/v1/workflows", json=definition)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def run(server: LocalServer, workflow_id: str, name: str) -> dict[str, Any]:
    answer = await server.http.post(f"/v1/workflows/{workflow_id}/execute", json={"inputs": {"name": name}})
    assert answer.status_code == 202, answer.text
    return await server.with_status(answer.json()["id"], "completed", "failed")


async def test_r17_executions_read_what_they_and_others_have_committed(server: LocalServer) -> None:
    workflow_id = await save(server)
    first = await run(server, workflow_id, "ann")
    assert (first["status"], first["outputs"]) == ("completed", {"y": 1})
    second = await run(server, workflow_id, "bob")
    assert second["outputs"] == {"y": 2}
    body = (await server.http.get(f"/v1/workflows/{workflow_id}/memory")).json()
    assert set(body) == set(wire.MemoryPage.model_fields)
    assert set(body["data"][0]) == set(wire.MemoryEntry.model_fields)
    assert {entry["key"]: entry["value"] for entry in body["data"]} == {"visits": 2, "by/who": [["ann"], ["bob"]]}
    assert (body["entries"], body["bytes"], body["has_more"]) == (2, 1 + len('[["ann"],["bob"]]'), False)
    entry = (await server.http.get(f"/v1/workflows/{workflow_id}/memory/by%2Fwho")).json()
    assert (entry["key"], entry["updated_by"]) == ("by/who", second["id"])


async def test_r17_executions_side_by_side_lose_nothing(server: LocalServer) -> None:
    workflow_id = await save(server)
    ended = await asyncio.gather(*(run(server, workflow_id, f"n{number}") for number in range(12)))
    assert {found["status"] for found in ended} == {"completed"}
    # Each sees at least its own: what it reads was committed after its own change.
    assert all(1 <= found["outputs"]["y"] <= 12 for found in ended)
    assert max(found["outputs"]["y"] for found in ended) == 12
    body = (await server.http.get(f"/v1/workflows/{workflow_id}/memory")).json()
    found = {entry["key"]: entry["value"] for entry in body["data"]}
    assert found["visits"] == 12
    assert sorted(found["by/who"]) == sorted([f"n{number}"] for number in range(12))


async def test_r17_a_rerun_does_not_do_again_what_it_takes_over(server: LocalServer) -> None:
    workflow_id = await save(server)
    first = await run(server, workflow_id, "ann")
    answer = await server.http.post(f"/v1/executions/{first['id']}/rerun", json={"from_node": "log"})
    assert answer.status_code == 202, answer.text
    again = await server.with_status(answer.json()["id"], "completed", "failed")
    assert (again["status"], again["outputs"]) == ("completed", {"y": 1})
    log = (await server.http.get(f"/v1/workflows/{workflow_id}/memory/by%2Fwho")).json()
    assert log["value"] == [["ann"], ["ann"]]


async def test_r17_branches_write_the_workflows_memory_at_once(server: LocalServer) -> None:
    definition = {
        "name": "fan",
        "nodes": {
            "in": INPUT,
            "fan": {"type": "parallel", "config": {"count": 4}},
            "add": remembering("append", key="log", value=["{{parallel.index}}"]) | {"parentId": "fan"},
            "read": remembering("get", key="log"),
            "out": output("{{read}}"),
        },
        "edges": [
            {"source": "in", "target": "fan"}, {"source": "fan", "target": "add", "sourceHandle": "parallel-body"},
            {"source": "fan", "target": "read"}, {"source": "read", "target": "out"},
        ],
        "entryPoint": "in",
    }  # fmt: skip
    workflow_id = await save(server, definition)
    found = await run(server, workflow_id, "ann")
    assert found["status"] == "completed", found
    assert sorted(found["outputs"]["y"]) == [[0], [1], [2], [3]]


async def test_r17_an_inline_execution_is_told_that_it_has_none(server: LocalServer) -> None:
    execution_id = await server.start(VISITS, {"name": "ann"})
    ended = await server.with_status(execution_id, "failed", "completed")
    assert ended["status"] == "failed"
    assert ended["error"]["code"] == "INVALID_NODE_CONFIG"
    assert "needs a stored workflow" in ended["error"]["message"]


async def test_it_is_cleared_by_entry_or_whole(server: LocalServer) -> None:
    workflow_id = await save(server)
    await run(server, workflow_id, "ann")
    base = f"/v1/workflows/{workflow_id}/memory"
    for _ in range(2):
        assert (await server.http.delete(f"{base}/by%2Fwho")).status_code == 204
    assert (await server.http.get(f"{base}/by%2Fwho")).json()["code"] == "NOT_FOUND"
    assert [entry["key"] for entry in (await server.http.get(base)).json()["data"]] == ["visits"]
    assert (await server.http.delete(base)).status_code == 204
    assert (await server.http.get(base)).json()["data"] == []
    assert (await run(server, workflow_id, "bob"))["outputs"] == {"y": 1}


async def test_unknown_workflows_have_none_to_look_at(server: LocalServer) -> None:
    for path in ("memory", "memory/k"):
        answer = await server.http.get(f"/v1/workflows/none/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
