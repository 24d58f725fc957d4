"""Deleting executions and measuring them over HTTP (R34, R55)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flowray import wire
from tests.api.fake_directory import FakeDirectory
from tests.api.local_server import INPUT, LocalServer, output
from tests.persistence.samples import insert

DONE: dict[str, Any] = {
    "nodes": {"in": INPUT, "out": output("{{inputs.x}}")}, "edges": [{"source": "in", "target": "out"}],
    "entryPoint": "in",
}  # fmt: skip
WAITS: dict[str, Any] = {
    "nodes": {"in": INPUT, "w": {"type": "wait", "config": {"duration": 3600, "unit": "seconds"}}},
    "edges": [{"source": "in", "target": "w"}], "entryPoint": "in",
}  # fmt: skip


async def test_r55_an_ended_execution_is_deleted_with_all_it_had(server: LocalServer) -> None:
    execution_id = await server.start(DONE, {"x": "y" * 100_000})
    await server.with_status(execution_id, "completed")
    kept = await server.start(DONE, {"x": 1})
    await server.with_status(kept, "completed")
    url = f"/v1/executions/{execution_id}"
    answer = await server.http.delete(url)
    assert (answer.status_code, answer.content) == (204, b"")
    for path in ("", "/nodes", "/events", "/storage", "/plan"):
        assert (await server.http.get(url + path)).json()["code"] == "NOT_FOUND", path
    assert [row["id"] for row in (await server.http.get("/v1/executions")).json()["data"]] == [kept]
    assert (await server.http.delete(url)).json()["code"] == "NOT_FOUND"
    reader = server.runtime.reader
    assert reader.execution_by_id(execution_id) is None
    assert reader.events.read_raw(execution_id) == []
    assert reader.upkeep.storage(execution_id).total == 0


async def test_r55_what_has_not_ended_is_refused(server: LocalServer) -> None:
    execution_id = await server.start(WAITS)
    await server.with_status(execution_id, "waiting")
    answer = await server.http.delete(f"/v1/executions/{execution_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "EXECUTION_NOT_ENDED")
    assert "cancel" in answer.json()["hint"]
    assert (await server.get(execution_id))["status"] == "waiting"


@pytest.mark.parametrize(
    ("others", "refused"),
    [
        ([insert("c", status="running", parent_id="e", root_id="e")], "e"),
        ([insert("r", status="running", rerun_of="e")], "e"),
        ([insert("c", status="completed", parent_id="e", root_id="e")], "c"),
    ],
    ids=["a child runs", "a rerun runs", "a child of its own"],
)
async def test_r34_what_others_need_is_refused(
    http: httpx.AsyncClient, directory: FakeDirectory, others: list[Any], refused: str
) -> None:
    directory.store.commit([insert("e", status="completed", ended_at=1), *others])
    answer = await http.delete(f"/v1/executions/{refused}")
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    assert answer.json()["hint"]
    assert len(directory.store.executions().data) == 2


async def test_a_family_goes_with_its_first_caller(http: httpx.AsyncClient, directory: FakeDirectory) -> None:
    directory.store.commit(
        [insert("e", status="completed"), insert("c", status="failed", parent_id="e", root_id="e")]
    )  # fmt: skip
    assert (await http.delete("/v1/executions/e")).status_code == 204
    assert directory.store.upkeep.present(["e", "c"]) == set()


async def test_bytes_of_an_execution_are_shown(server: LocalServer) -> None:
    execution_id = await server.start(DONE, {"x": "y" * 100_000})
    await server.with_status(execution_id, "completed")
    found = (await server.http.get(f"/v1/executions/{execution_id}/storage")).json()
    assert set(found) == set(wire.Storage.model_fields)
    # The value is an input of the row and of its first event, and the output of a node, which is stored by itself.
    assert found["payloads"] >= 100_000
    assert found["record"] >= 100_000
    assert found["events"] >= 100_000
    assert 0 < found["logs"] < 10_000
    parts = [found[name] for name in ("record", "events", "logs", "snapshots", "inbox", "payloads")]
    assert found["total"] == sum(parts)


async def test_values_outside_of_the_database_are_counted(http: httpx.AsyncClient, directory: FakeDirectory) -> None:
    directory.store.commit([insert("e", status="completed")])
    assert (await http.get("/v1/executions/e/storage")).json()["payloads"] == 7
    assert (await http.get("/v1/executions/none/storage")).status_code == 404
