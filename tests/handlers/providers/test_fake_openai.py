"""The fake OpenAI server itself, through its HTTP interface."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from flowray.handlers.providers.fake_openai import Faults, create_fake_openai


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_fake_openai(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://fake") as client:
        yield client


def body(prompt: str = "hello there", **more: Any) -> dict[str, Any]:
    return {"model": "fake-model", "messages": [{"role": "user", "content": prompt}], **more}


async def complete(client: httpx.AsyncClient, payload: dict[str, Any], **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post("/v1/chat/completions", json=payload, headers=named)


async def test_answers_follow_from_the_prompt_alone(client: httpx.AsyncClient) -> None:
    first, again = (await complete(client, body())).json(), (await complete(client, body())).json()
    text = first["choices"][0]["message"]["content"]
    assert text == again["choices"][0]["message"]["content"]
    assert text.startswith("You asked: hello there (2 words, reply ")
    assert first["usage"]["total_tokens"] == first["usage"]["prompt_tokens"] + first["usage"]["completion_tokens"]
    other = (await complete(client, body("hello where"))).json()["choices"][0]["message"]["content"]
    assert other != text


async def test_streams_say_the_same(client: httpx.AsyncClient) -> None:
    whole = (await complete(client, body())).json()["choices"][0]["message"]["content"]
    response = await complete(client, body(stream=True, stream_options={"include_usage": True}))
    lines = [line[6:] for line in response.text.split("\n") if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    events = [json.loads(line) for line in lines[:-1]]
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events if event["choices"]) == whole
    assert events[-1]["usage"]["prompt_tokens"] == 3
    assert events[-2]["choices"][0]["finish_reason"] == "stop"


async def test_models_health_and_bad_requests(client: httpx.AsyncClient) -> None:
    models = (await client.get("/v1/models")).json()["data"]
    assert models[0]["id"] == "fake-model"
    assert (await client.get("/health")).json() == {"status": "ok"}
    assert (await client.post("/v1/chat/completions", content=b"{no")).status_code == 400
    assert (await complete(client, {"model": "m"})).status_code == 400


async def test_faults_by_header(client: httpx.AsyncClient) -> None:
    response = await complete(client, body(), x_fake_status="429", x_fake_retry_after="9")
    assert (response.status_code, response.headers["retry-after"]) == (429, "9")
    assert response.json()["error"]["message"] == "fake error 429, as asked"
    faults = Faults.of("fake-model", {"x-fake-delay-ms": "5", "x-fake-token-delay-ms": "6", "x-fake-cut-after": "2"})
    assert (faults.delay_ms, faults.token_delay_ms, faults.cut_after) == (5, 6, 2)
    assert Faults.of("fake-cut", {}).cut_after == 3
    assert Faults.of("fake-503-x", {}).status == 503


async def test_scripts_and_journal(client: httpx.AsyncClient) -> None:
    await client.post("/script", json={"replies": {"weather": ["sunny", {"sky": "grey"}]}})
    said = [(await complete(client, body("the weather?"))).json()["choices"][0]["message"]["content"] for _ in range(3)]
    assert said == ["sunny", '{"sky": "grey"}', '{"sky": "grey"}']
    journal = (await client.get("/requests")).json()["data"]
    assert [entry["prompt"] for entry in journal] == ["the weather?"] * 3
    assert all(entry["completed"] and not entry["disconnected"] and entry["status"] == 200 for entry in journal)
    assert "authorization" not in journal[0]["headers"]
    assert (await client.delete("/requests")).json() == {"data": []}
    assert (await client.get("/requests")).json() == {"data": []}


async def test_after_a_tool_has_answered_text_comes(client: httpx.AsyncClient) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    asked = body(tools=tools)
    first = (await complete(client, asked)).json()["choices"][0]
    assert first["finish_reason"] == "tool_calls"
    asked["messages"] += [first["message"], {"role": "tool", "tool_call_id": "x", "content": "42"}]
    assert (await complete(client, asked)).json()["choices"][0]["finish_reason"] == "stop"
