"""``POST /v1/executions/{id}/redrive`` over the in-process runtime: what goes on, what cannot, what does already."""

from __future__ import annotations

import asyncio

from flowray.errors import ErrorCode
from flowray.runtime.live import crash_write
from tests.api.local_server import INPUT, LocalServer, output
from tests.integration.definitions import workflow

HOOK = {"type": "wait", "config": {"waitType": "webhook"}}
DEFINITION = workflow("w", {"in": INPUT, "hook": HOOK, "out": output("{{hook}}")}, [("in", "hook"), ("hook", "out")])


async def crashed(server: LocalServer) -> str:
    """An execution that has crashed while it waited for an answer."""
    its_id = await server.start(DEFINITION, {"x": 1})
    await server.until(its_id, lambda now: now["waiting_for"])
    await server.with_status(its_id, "waiting")

    async def crash() -> bool:
        record = server.runtime.reader.execution_by_id(its_id)
        assert record is not None
        write = crash_write(its_id, record.epoch, record.last_seq, 1_000_000, "its owners died")
        await server.runtime.write([write])
        return (await server.get(its_id))["status"] == "crashed"

    for _ in range(100):
        if await crash():
            return its_id
        await asyncio.sleep(0.05)
    raise AssertionError("it does not crash")


async def test_a_crashed_execution_goes_on_and_takes_its_answer(server: LocalServer) -> None:
    its_id = await crashed(server)
    before = (await server.http.get(f"/v1/executions/{its_id}")).json()
    assert (before["status"], before["crash_reason"]) == ("crashed", "its owners died")
    answer = await server.http.post(f"/v1/executions/{its_id}/redrive")
    assert answer.status_code == 202, answer.text
    assert (answer.json()["crash_reason"], answer.json()["error"]) == (None, None)
    waiting = await server.with_status(its_id, "waiting")
    assert (await server.http.post(f"/v1/executions/{its_id}/redrive")).status_code == 200
    await server.complete(waiting["waiting_for"][0]["token"], "late")
    assert (await server.with_status(its_id, "completed"))["outputs"] == {"y": "late"}
    ended = await server.http.post(f"/v1/executions/{its_id}/redrive")
    assert (ended.status_code, ended.json()["code"]) == (409, "EXECUTION_ENDED")
    assert "rerun" in ended.json()["hint"]


async def test_what_is_not_there_cannot_be_redriven(server: LocalServer) -> None:
    answer = await server.http.post("/v1/executions/nothing/redrive")
    assert (answer.status_code, answer.json()["code"]) == (404, ErrorCode.NOT_FOUND)
