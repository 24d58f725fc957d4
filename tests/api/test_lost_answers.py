"""A write whose answer is lost is repeated: nobody is told that what they asked for was somebody else's doing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from flowray.persistence.writes import AnyResult, AnyWrite
from tests.api.local_server import INPUT, LocalServer
from tests.api.routes.test_hooks import BODY, JSON, hook
from tests.api.routes.test_triggers import created
from tests.integration.definitions import workflow


@pytest.fixture(autouse=True)
def lost(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each write is committed twice, and the first answer never heard."""
    write = server.runtime.write

    async def again(writes: Sequence[AnyWrite]) -> list[AnyResult]:
        await write(writes)
        return await write(writes)

    monkeypatch.setattr(server.runtime, "write", again)


async def deleted(server: LocalServer, url: str) -> list[int]:
    return [(await server.http.delete(url)).status_code for _ in range(2)]


async def test_what_was_deleted_is_deleted_and_not_unknown(server: LocalServer) -> None:
    trigger = await created(server, "schedule", {"every": "1h"})
    await server.http.put("/v1/limits/slow", json={"rpm": 5})
    found: dict[str, Any] = {url: await deleted(server, url) for url in (
        f"/v1/triggers/{trigger['id']}", "/v1/limits/slow", f"/v1/workflows/{trigger['workflow_id']}",
    )}  # fmt: skip
    assert list(found.values()) == [[204, 404]] * 3


async def test_an_execution_that_was_deleted_is_not_still_needed(server: LocalServer) -> None:
    its_id = await server.start(workflow("short", {"in": INPUT}, []))
    await server.with_status(its_id, "completed")
    assert await deleted(server, f"/v1/executions/{its_id}") == [204, 404]


async def test_a_call_of_a_hook_is_not_its_own_repeat(server: LocalServer) -> None:
    made = await hook(server)
    calls = [await server.http.post(made["url"], content=BODY, headers={**JSON, "Idempotency-Key": "1"}) for _ in "ab"]
    assert [answer.headers.get("Idempotent-Replayed") for answer in calls] == [None, "true"]
