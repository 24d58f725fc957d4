"""The whole state of an execution over HTTP."""

from __future__ import annotations

from flowray import wire
from tests.api.local_server import INPUT, LocalServer, output
from tests.integration.definitions import workflow


async def test_a_paused_execution_shows_its_whole_state(server: LocalServer) -> None:
    nodes = {"in": INPUT, "stop": {"type": "pause", "config": {"reason": "audit"}}, "next": INPUT}
    its_id = await server.start(workflow("stop", nodes, [("in", "stop"), ("stop", "next")]), {"x": 1})
    await server.with_status(its_id, "paused")
    answer = await server.http.get(f"/v1/executions/{its_id}/snapshot")
    found = wire.Snapshot.model_validate_json(answer.content)
    assert (found.completed, found.running, found.pending) == (["in"], ["stop"], ["next"])
    [pause] = found.pause_context
    assert (pause["nodeId"], pause["reason"], pause["waitpointId"]) == ("stop", "audit", f"{its_id}:stop#1")
    assert (found.inputs, found.state["status"]) == ({"x": 1}, "paused")


async def test_there_is_none_of_what_is_not_there(server: LocalServer) -> None:
    assert (await server.http.get("/v1/executions/nowhere/snapshot")).status_code == 404


async def test_an_export_is_imported_where_it_is_not_known(server: LocalServer) -> None:
    nodes = {"in": INPUT, "stop": {"type": "pause", "config": {"reason": "audit"}}, "out": output("{{stop}}")}
    its_id = await server.start(workflow("stop", nodes, [("in", "stop"), ("stop", "out")]), {"x": "y" * 40_000})
    await server.with_status(its_id, "paused")
    exported = await server.http.get(f"/v1/executions/{its_id}/export")
    document = wire.ExecutionDocument.model_validate_json(exported.content)
    assert (document.version, document.snapshot["pauseContext"][0]["reason"]) == (1, "audit")
    known = await server.http.post("/v1/executions/import", content=exported.content)
    assert (known.status_code, known.json()["id"]) == (200, its_id)
    other = exported.json()
    other["events"][0]["events"][0]["ts"] += 1
    taken = await server.http.post("/v1/executions/import", json=other)
    assert (taken.status_code, taken.json()["code"]) == (409, "CONFLICT")


async def test_what_is_no_export_is_refused(server: LocalServer) -> None:
    for content, status in ((b"{", 400), (b"{}", 400), (b'{"format": "flowray.execution", "version": 99}', 422)):
        refused = await server.http.post("/v1/executions/import", content=content)
        assert refused.status_code == status, refused.text
    assert (await server.http.get("/v1/executions/nobody/export")).status_code == 404


async def test_payloads_must_be_what_they_say_and_be_there(server: LocalServer) -> None:
    nodes = {"in": INPUT, "stop": {"type": "pause", "config": {}}}
    its_id = await server.start(workflow("stop", nodes, [("in", "stop")]))
    await server.with_status(its_id, "paused")
    document = (await server.http.get(f"/v1/executions/{its_id}/export")).json()
    wrong = await server.http.post("/v1/executions/import", json={**document, "payloads": {f"{its_id}.0": "eA=="}})
    assert (wrong.status_code, "is not what it says" in wrong.json()["detail"]) == (400, True)
    missing = await server.http.post("/v1/executions/import", json={**document, "payloads_elsewhere": ["x.0"]})
    assert (missing.status_code, missing.json()["code"]) == (410, "PAYLOAD_MISSING")


async def test_an_export_is_imported_again_after_it_went_on_and_was_deleted(server: LocalServer) -> None:
    """Under the same server, which has driven it further than the document knows."""
    nodes = {"in": INPUT, "stop": {"type": "pause", "config": {}}, "out": output("{{stop.answer}}")}
    its_id = await server.start(workflow("stop", nodes, [("in", "stop"), ("stop", "out")]), {"x": 1})
    await server.with_status(its_id, "paused")
    document = (await server.http.get(f"/v1/executions/{its_id}/export")).json()
    resumed = f"/v1/executions/{its_id}/resume"
    for answer in ("first", "second", "third"):
        assert (await server.http.post(resumed, json={"data": {"answer": answer}})).status_code == 202
        ended = await server.with_status(its_id, "completed")
        assert ended["outputs"] == {"y": answer}
        assert (await server.http.delete(f"/v1/executions/{its_id}")).status_code == 204
        assert (await server.http.post("/v1/executions/import", json=document)).status_code == 201
