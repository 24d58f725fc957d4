"""The whole state of an execution over HTTP."""

from __future__ import annotations

from flowray import wire
from tests.api.local_server import INPUT, LocalServer
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
