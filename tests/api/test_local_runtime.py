"""The whole API over the in-process runtime: real engine and handlers, a scripted language model. No Ray, no socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from flowray.api.app import create_app
from flowray.api.context import AppServices
from flowray.api.tokens import PublicTokens
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.registry import default_registry
from flowray.handlers.services import ChatChunk
from flowray.persistence.memory.store import MemoryStore
from flowray.runtime.local import LocalRuntime
from tests.api.conftest import GREET, frames
from tests.fakes.services import ScriptedChat, fake_services

TELL: dict[str, Any] = {
    "schemaVersion": 1,
    "name": "tell",
    "nodes": {
        "in": {"type": "input", "config": {"inputName": "topic", "required": True}},
        "ask": {"type": "llm", "config": {"prompt": "Tell me about {{topic}}", "model": "m", "provider": "openai"}},
        "out": {"type": "output", "config": {"outputName": "story", "value": "{{ask.text}}"}},
    },
    "edges": [{"source": "in", "target": "ask"}, {"source": "ask", "target": "out"}],
}


@pytest.fixture
def chat() -> ScriptedChat:
    return ScriptedChat(chunks=[ChatChunk(text="Once "), ChatChunk(text="upon "), ChatChunk(text="a time")])


@pytest.fixture
async def http(chat: ScriptedChat) -> AsyncIterator[httpx.AsyncClient]:
    store = MemoryStore()
    registry = default_registry(plugins=False)
    runtime = LocalRuntime(
        store, store, store.payloads, registry, lambda payloads: fake_services(chat=chat, payloads=payloads)
    )
    runtime.start_threads()
    app = create_app(AppServices(runtime, registry, PublicTokens("x" * 16)))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://flowray") as client:
            yield client
    await runtime.close()


async def test_a_workflow_runs_from_the_call_to_its_outputs(http: httpx.AsyncClient) -> None:
    saved = (await http.post("/v1/workflows", json=GREET)).json()
    answer = await http.post(f"/v1/workflows/{saved['id']}/execute?wait=20", json={"inputs": {"name": "Ada"}})
    body = answer.json()
    assert (answer.status_code, body["status"], body["outputs"]) == (200, "completed", {"greeting": "Hello Ada"})
    assert (body["progress"]["completed"], body["progress"]["percent"]) == (2, 100)
    nodes = (await http.get(f"/v1/executions/{body['id']}/nodes")).json()["data"]
    assert [(row["node_id"], row["status"], row["attempt"]) for row in nodes] == [
        ("in", "completed", 1), ("out", "completed", 1),
    ]  # fmt: skip


async def test_tokens_stream_as_events_and_as_one_text(http: httpx.AsyncClient) -> None:
    """R33."""
    body = {"definition": TELL, "inputs": {"topic": "ray"}}
    stream = await http.post("/v1/executions", json=body, headers={"Accept": "text/event-stream"})
    (_, accepted, started), *events = frames(stream.text)
    assert accepted == "execution.accepted"
    assert [int(number or 0) for number, _, _ in events] == list(range(1, len(events) + 1))
    text = "".join(data["text"] for _, kind, data in events if kind == "node.token")
    assert text == "Once upon a time"
    assert events[-1][1:] == ("execution.completed", events[-1][2])
    assert events[-1][2]["outputs"] == {"story": "Once upon a time"}
    alone = frames((await http.get(f"/v1/executions/{started['id']}/streams/llm-ask")).text)
    assert "".join(data.get("text", "") for _, _, data in alone) == "Once upon a time"
    assert (alone[-1][1], alone[-1][2]["status"], alone[-1][2]["chars"]) == ("stream.end", "completed", 16)
    usage = (await http.get(f"/v1/executions/{started['id']}")).json()["usage"]
    assert usage["output_tokens"] > 0
    assert usage["estimated"] is True


async def test_bad_input_a_dead_llm_server_is_a_coded_error(http: httpx.AsyncClient, chat: ScriptedChat) -> None:
    chat.chunks = ()
    chat.error = FlowrayError(ErrorCode.PROVIDER_UNREACHABLE, "no answer from http://127.0.0.1:9")
    answer = await http.post("/v1/executions?wait=20", json={"definition": TELL, "inputs": {"topic": "ray"}})
    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "failed")
    assert (body["error"]["code"], body["error"]["node_id"]) == ("PROVIDER_UNREACHABLE", "ask")
    assert "no answer from http://127.0.0.1:9" in body["error"]["message"]
    assert len(body["errors"]) == 1
    assert body["partial"] is True


async def test_bad_input_an_unknown_node_type_fails_when_it_is_reached(http: httpx.AsyncClient) -> None:
    definition = {"schemaVersion": 1, "nodes": {"a": {"type": "teleport"}}, "entryPoint": "a"}
    body = (await http.post("/v1/executions?wait=20", json={"definition": definition})).json()
    assert (body["status"], body["error"]["code"], body["error"]["node_id"]) == ("failed", "UNKNOWN_NODE_TYPE", "a")


async def test_a_waiting_execution_is_cancelled(http: httpx.AsyncClient) -> None:
    definition = {
        "schemaVersion": 1,
        "nodes": {"w": {"type": "wait", "config": {"durationValue": 1, "durationUnit": "hours"}}},
        "entryPoint": "w",
    }
    started = (await http.post("/v1/executions", json={"definition": definition})).json()
    answer = await http.post(f"/v1/executions/{started['id']}/cancel", json={"reason": "enough"})
    assert answer.status_code == 202
    kinds = [kind for _, kind, _ in frames((await http.get(started["events_url"])).text)]
    assert kinds[-1] == "execution.cancelled"
    body = (await http.get(f"/v1/executions/{started['id']}")).json()
    assert (body["status"], body["cancel_reason"]) == ("cancelled", "enough")
    assert (await http.post(f"/v1/executions/{started['id']}/cancel")).status_code == 200


async def test_a_large_output_comes_back_whole(http: httpx.AsyncClient) -> None:
    saved = (await http.post("/v1/workflows", json=GREET)).json()
    name = "x" * 100_000
    answer = await http.post(f"/v1/workflows/{saved['id']}/execute?wait=20", json={"inputs": {"name": name}})
    assert answer.json()["outputs"] == {"greeting": f"Hello {name}"}
    output = await http.get(f"/v1/executions/{answer.json()['id']}/nodes/out/output")
    assert output.json() == {"greeting": f"Hello {name}"}


async def test_a_batch_of_rows(http: httpx.AsyncClient) -> None:
    saved = (await http.post("/v1/workflows", json=GREET)).json()
    rows = [{"name": str(index)} for index in range(30)]
    batch = (await http.post(f"/v1/workflows/{saved['id']}/batches", json={"inputs": rows})).json()
    for its_id in batch["executions"]:
        await http.get(f"/v1/executions/{its_id}/events")  # ends with the execution
    assert (await http.get(batch["status_url"])).json()["statuses"] == {"completed": 30}
