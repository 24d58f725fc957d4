"""The workflows in ``examples/patterns``, on the good path and on each bad one, with scripted services and models."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from flowray.compiler.documents import compile_document
from flowray.definition.inputs import prepare_inputs
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.registry import default_registry
from flowray.handlers.services import ChatChunk, ChatRequest, HttpRequest, HttpResponse
from flowray.runtime.identifiers import new_id
from flowray.runtime.waitpoints import answer_row
from flowray.values import decode_json, encode_json
from tests.conformance.pattern_cases import CASES, PATTERNS, POINTS, REPLIES, PatternCase
from tests.fakes.services import ScriptedHttp
from tests.runtime.test_local import Bench, bench


class Models:
    """Answers by the name of the model; any other model is out of order."""

    def __init__(self, case: PatternCase) -> None:
        self._answers = case.models

    async def stream(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        if request.model not in self._answers:
            raise FlowrayError(ErrorCode.PROVIDER_ERROR, f"{request.model} is out of order", retryable=True)
        yield ChatChunk(self._answers[request.model], model=request.model)
        yield ChatChunk(finish_reason="stop", model=request.model)


def _place(request: HttpRequest) -> str:
    """``METHOD /path?query``."""
    url = urlsplit(request.url)
    return f"{request.method} {url.path}" + (f"?{url.query}" if url.query else "")


def _answer(request: HttpRequest) -> HttpResponse:
    place = _place(request)
    data: Any
    if urlsplit(request.url).hostname == "down" or place == "POST /closed/payments":
        status, data = 503, {"error": "out of order"}
    elif place == "POST /score":
        points = POINTS.get(decode_json(request.content or b"")["answer"])
        status, data = (500, {}) if points is None else (200, {"points": points})
    else:
        status, data = REPLIES[place.replace("/closed/", "/")]
    return HttpResponse(status, "Reason", {"content-type": "application/json"}, encode_json(data), request.url, 1)


async def _answer_when_asked(desk: Bench, execution_id: str, data: Any) -> None:
    """The execution pauses; a person gives what is asked for."""
    await desk.events(execution_id, until="execution.paused")
    (asked,) = desk.row(execution_id).waiting_for
    await desk.runtime.request(answer_row(new_id(), execution_id, asked["waitpoint_id"], data, now_ms=1, by="ann"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_a_pattern_takes_its_course(case: PatternCase) -> None:
    """Instances that completed, failed and were skipped; outputs; the error; what was sent to whom."""
    registry = default_registry(plugins=False)
    compiled = compile_document((PATTERNS / case.file).read_text(encoding="utf-8"), registry.node_types())
    assert compiled.diagnostics == ()
    web = ScriptedHttp(_answer)
    async with bench(registry, http=web, chat=Models(case)) as desk:
        (execution_id,) = await desk.start(compiled.plan, **prepare_inputs(compiled.contract, case.inputs))
        if case.answer is not None:
            await _answer_when_asked(desk, execution_id, case.answer)
        events = await desk.events(execution_id)
        row = desk.row(execution_id)

    ended: dict[str, Counter[str]] = {kind: Counter() for kind in ("node.completed", "node.failed", "node.skipped")}
    for event in events:
        if event.type in ended:
            ended[event.type][event.body["node_id"]] += 1
    assert row.status == case.status, row.error
    assert ended["node.completed"] == case.completed
    assert ended["node.failed"] == case.failed
    assert set(ended["node.skipped"]) == set(case.skipped)
    assert row.outputs == case.outputs
    assert _shown(row.error) == case.error or _matches(row.error, case)
    sent = {_place(request): decode_json(request.content) for request in web.sent if request.content}
    assert {place: sent.get(place) for place in case.sent} == case.sent


def _shown(error: Any) -> Any:
    return error and (error["code"], error["node_id"], error["message"])


def _matches(error: Any, case: PatternCase) -> bool:
    code, node_id, part = case.error or ("", "", "")
    return bool(error) and (error["code"], error["node_id"]) == (code, node_id) and part in error["message"]


def test_every_pattern_is_run_on_a_good_and_on_a_bad_path() -> None:
    files = {path.name for path in PATTERNS.iterdir()}
    assert {case.file for case in CASES} == files
    for file in files:
        of_file = [case for case in CASES if case.file == file]
        assert any(not case.failed and case.status == "completed" for case in of_file)
        assert any(case.failed for case in of_file)
