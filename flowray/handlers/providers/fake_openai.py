"""An OpenAI-compatible server without a model, for demos without a network and for every test. Never a real answer.

What it says follows from the prompt alone. Faults are asked for by a marker in the model's name (``fake-429``,
``fake-500``, ``fake-401``, ``fake-slow``, ``fake-stuck``, ``fake-cut``, …) or by headers:
``X-Fake-Status``, ``X-Fake-Delay-Ms`` (before the answer), ``X-Fake-Token-Delay-Ms``, ``X-Fake-Cut-After`` (pieces),
``X-Fake-Retry-After``. ``POST /script`` gives replies of one's own by prompt; ``GET /requests`` shows what was asked
and whether the client left early.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from flowray.handlers.providers.fake_models import add_model_routes
from flowray.handlers.providers.fake_replies import (
    count_tokens,
    fit_schema,
    last_user_text,
    pieces,
    reply_text,
    scripted_turn,
    text_of_content,
    tool_call,
)

MODELS = (
    "fake-model", "fake-429", "fake-500", "fake-401", "fake-slow", "fake-cut", "fake-stuck", "fake-no-usage",
    "fake-thinking",
)  # fmt: skip
JOURNAL_LENGTH = 1_000
CREATED = 1_700_000_000
"""``created`` of every answer: a clock would make answers differ."""

SLOW_DELAY_MS = 10_000
SLOW_TOKEN_DELAY_MS = 50


@dataclass
class JournalEntry:
    """One request. ``disconnected``: the client left before the answer was complete."""

    number: int
    model: str
    prompt: str
    stream: bool
    path: str = ""
    status: int = 0
    pieces_sent: int = 0
    completed: bool = False
    disconnected: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Faults:
    """What goes wrong with one answer. Delays in ms; ``cut_after`` counts pieces, None is no cut."""

    status: int = 200
    retry_after: str | None = None
    delay_ms: int = 0
    token_delay_ms: int = 0
    cut_after: int | None = None
    usage: bool = True

    @staticmethod
    def of(model: str, headers: Mapping[str, str]) -> Faults:
        """Headers win over markers in the model's name."""
        marked = next((status for status in (429, 500, 503, 401, 400) if f"-{status}" in model), 200)
        cut = headers.get("x-fake-cut-after", "3" if "-cut" in model else None)
        return Faults(
            status=int(headers.get("x-fake-status", marked)),
            retry_after=headers.get("x-fake-retry-after", "1" if marked == 429 else None),
            delay_ms=int(headers.get("x-fake-delay-ms", SLOW_DELAY_MS if "-stuck" in model else 0)),
            token_delay_ms=int(headers.get("x-fake-token-delay-ms", SLOW_TOKEN_DELAY_MS if "-slow" in model else 0)),
            cut_after=None if cut is None else int(cut),
            usage="-no-usage" not in model,
        )


@dataclass(frozen=True)
class _Reply:
    """What is answered, however it is sent."""

    text: str
    calls: tuple[dict[str, Any], ...]
    prompt_tokens: int
    thinking: str = ""

    @property
    def usage(self) -> dict[str, Any]:
        said = self.text + "".join(call["function"]["arguments"] for call in self.calls)
        thought = count_tokens(self.thinking)
        answered = count_tokens(said) + thought
        details = {"completion_tokens_details": {"reasoning_tokens": thought}} if thought else {}
        return {
            "prompt_tokens": self.prompt_tokens, "completion_tokens": answered,
            "total_tokens": self.prompt_tokens + answered, **details,
        }  # fmt: skip

    @property
    def finish_reason(self) -> str:
        return "tool_calls" if self.calls else "stop"


class FakeOpenAI:
    """The state of one fake server: scripted replies and the journal."""

    def __init__(self) -> None:
        self.journal: deque[JournalEntry] = deque(maxlen=JOURNAL_LENGTH)
        self.scripts: dict[str, deque[str]] = {}
        self.turns: dict[str, list[Any]] = {}
        self._numbers = itertools.count(1)

    def script(self, replies: Mapping[str, Any]) -> None:
        """Answer prompts that contain a key with its replies, one after another; the last one stays.

        ``{"turns": [...]}`` instead of a list: the reply is chosen by how often the model has spoken in the
        conversation, so a request that is repeated gets the same again. A turn is a text, JSON, or calls of tools:
        ``{"text": "…", "toolCalls": [{"name": …, "arguments": {…}}]}``.
        """
        for part, texts in replies.items():
            if isinstance(texts, dict) and isinstance(texts.get("turns"), list):
                self.turns[part] = texts["turns"]
                continue
            listed = texts if isinstance(texts, list) else [texts]
            self.scripts[part] = deque(text if isinstance(text, str) else json.dumps(text) for text in listed)

    def note(self, body: dict[str, Any], headers: Mapping[str, str], prompt: str, path: str) -> JournalEntry:
        """Open the journal entry of a request. Keys are not kept."""
        entry = JournalEntry(
            number=next(self._numbers), model=str(body.get("model", "")), prompt=prompt, path=path,
            stream=bool(body.get("stream")), body=body,
            headers={name: value for name, value in headers.items() if name != "authorization"},
        )  # fmt: skip
        self.journal.append(entry)
        return entry

    def reply(self, body: dict[str, Any], prompt: str) -> _Reply:
        """The answer to a request that goes well."""
        messages = body["messages"]
        prompt_tokens = sum(count_tokens(text_of_content(message.get("content"))) for message in messages)
        turn = self._turn(messages, prompt)
        if turn is not None:
            return _Reply(*turn, prompt_tokens)
        scripted = self._scripted(prompt)
        if scripted is not None:
            return _Reply(scripted, (), prompt_tokens)
        answered_tools = any(message.get("role") == "tool" for message in messages)
        if body.get("tools") and body.get("tool_choice") != "none" and not answered_tools:
            return _Reply("", (tool_call(body["tools"], body.get("tool_choice"), prompt),), prompt_tokens)
        wanted = body.get("response_format") or {}
        if wanted.get("type") == "json_schema":
            schema = wanted.get("json_schema", {}).get("schema", {})
            return _Reply(json.dumps(fit_schema(schema, prompt)), (), prompt_tokens)
        text = reply_text(messages)
        thinking = f"Let me think about: {prompt[:40]}" if "-thinking" in str(body.get("model")) else ""
        said = json.dumps({"answer": text}) if wanted.get("type") == "json_object" else text
        return _Reply(said, (), prompt_tokens, thinking)

    def _turn(self, messages: list[dict[str, Any]], prompt: str) -> tuple[str, tuple[dict[str, Any], ...]] | None:
        turns = next((turns for part, turns in self.turns.items() if part in prompt and turns), None)
        if turns is None:
            return None
        said = sum(message.get("role") == "assistant" for message in messages)
        return scripted_turn(turns[min(said, len(turns) - 1)], said)

    def _scripted(self, prompt: str) -> str | None:
        for part, texts in self.scripts.items():
            if part in prompt and texts:
                return texts.popleft() if len(texts) > 1 else texts[0]
        return None


async def _streamed(body: dict[str, Any], reply: _Reply, faults: Faults, entry: JournalEntry) -> AsyncIterator[bytes]:
    """Server-sent events of a streamed answer. A cut raises in the middle, so that the connection breaks."""
    head = {"id": f"chatcmpl-fake{entry.number}", "object": "chat.completion.chunk", "created": CREATED}
    head["model"] = entry.model

    def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return f"data: {json.dumps({**head, 'choices': [choice]})}\n\n".encode()

    try:
        yield event({"role": "assistant", "content": ""})
        if reply.thinking:
            yield event({"reasoning_content": reply.thinking})
        for number, piece in enumerate(pieces(reply.text)):
            if faults.cut_after is not None and number >= faults.cut_after:
                raise ConnectionResetError("cut off as asked")
            if faults.token_delay_ms:
                await asyncio.sleep(faults.token_delay_ms / 1000)
            entry.pieces_sent += 1
            yield event({"content": piece})
        for index, call in enumerate(reply.calls):
            yield event({"tool_calls": [{"index": index, **call}]})
        yield event({}, reply.finish_reason)
        if faults.usage and (body.get("stream_options") or {}).get("include_usage"):
            yield f"data: {json.dumps({**head, 'choices': [], 'usage': reply.usage})}\n\n".encode()
        yield b"data: [DONE]\n\n"
        entry.completed = True
    except (asyncio.CancelledError, GeneratorExit):
        entry.disconnected = True
        raise


def _whole(reply: _Reply, faults: Faults, entry: JournalEntry) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.thinking:
        message["reasoning_content"] = reply.thinking
    if reply.calls:
        message["tool_calls"] = list(reply.calls)
    answer: dict[str, Any] = {
        "id": f"chatcmpl-fake{entry.number}", "object": "chat.completion", "created": CREATED, "model": entry.model,
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish_reason}],
    }  # fmt: skip
    if faults.usage:
        answer["usage"] = reply.usage
    entry.completed = True
    return answer


def _problem(status: int, message: str, retry_after: str | None = None) -> JSONResponse:
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    error = {"message": message, "type": "fake_error", "code": str(status), "param": None}
    return JSONResponse({"error": error}, status_code=status, headers=headers)


def create_fake_openai() -> FastAPI:
    """The server as an ASGI app; its state is ``app.state.fake``, a FakeOpenAI."""
    app = FastAPI(title="flowray fake OpenAI server", docs_url=None, redoc_url=None)
    fake = app.state.fake = FakeOpenAI()

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        listed = [{"id": name, "object": "model", "created": CREATED, "owned_by": "flowray"} for name in MODELS]
        return {"object": "list", "data": listed}

    @app.get("/requests")
    async def requests() -> dict[str, Any]:
        return {"data": [asdict(entry) for entry in fake.journal]}

    @app.delete("/requests")
    async def forget() -> dict[str, Any]:
        fake.journal.clear()
        fake.scripts.clear()
        fake.turns.clear()
        return {"data": []}

    @app.post("/script")
    async def script(request: Request) -> dict[str, Any]:
        body = await request.json()
        fake.script(body.get("replies", body))
        return {"scripted": sorted([*fake.scripts, *fake.turns])}

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/chat/completions")
    async def completions(request: Request) -> Response:
        return await _complete(fake, request)

    async def begin(request: Request, body: dict[str, Any], prompt: str) -> Response | None:
        entry = fake.note(body, request.headers, prompt, request.url.path)
        fault = await _fault(request, entry)
        entry.completed = fault is None
        return fault

    add_model_routes(app, begin)
    return app


async def _complete(fake: FakeOpenAI, request: Request) -> Response:
    try:
        body = await request.json()
        messages = body["messages"]
        if not isinstance(messages, list) or not body.get("model"):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        return _problem(400, "a JSON object with model and messages is required")
    entry = fake.note(body, request.headers, last_user_text(messages), request.url.path)
    faults = Faults.of(entry.model, request.headers)
    fault = await _fault(request, entry)
    if fault is not None:
        return fault
    reply = fake.reply(body, entry.prompt)
    if entry.stream:
        return StreamingResponse(_streamed(body, reply, faults, entry), media_type="text/event-stream")
    return JSONResponse(_whole(reply, faults, entry))


async def _fault(request: Request, entry: JournalEntry) -> Response | None:
    """The answer of a request that is to go wrong before it has one."""
    faults = Faults.of(entry.model, request.headers)
    if faults.delay_ms and not await _still_there(request, faults.delay_ms):
        entry.disconnected = True
        return Response(status_code=499)
    entry.status = faults.status
    if faults.status != 200:
        return _problem(faults.status, f"fake error {faults.status}, as asked", faults.retry_after)
    return None


async def _still_there(request: Request, delay_ms: int) -> bool:
    """Wait; False as soon as the client has left."""
    deadline = asyncio.get_running_loop().time() + delay_ms / 1000
    while (left := deadline - asyncio.get_running_loop().time()) > 0:
        if await request.is_disconnected():
            return False
        await asyncio.sleep(min(left, 0.02))
    return True


def serve(host: str = "127.0.0.1", port: int = 8089) -> None:
    """Run the fake server until it is interrupted."""
    uvicorn.run(create_fake_openai(), host=host, port=port, log_level="warning", ws="none")
