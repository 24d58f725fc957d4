"""The workflows in ``examples/`` run in this process, against a loopback server and the fake language model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flowray.bootstrap import build_registry
from flowray.cli.in_process import run_to_end
from flowray.compiler.documents import compile_document
from flowray.handlers.providers.fake_openai import create_fake_openai
from flowray.sdk.session import LocalSession
from flowray.settings import Settings
from tests.example_replies import EXAMPLES, EXECUTED, INPUTS, OUTPUTS, REPLIES
from tests.fakes.loopback import loopback_server


def _route(method: str, path: str) -> Route:
    status, body = REPLIES[method, path]

    async def answer(request: Request) -> Response:
        return JSONResponse(body, status_code=status)

    return Route(path, answer, methods=[method])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with loopback_server(Starlette(routes=[_route(*key) for key in REPLIES])) as url:
        yield url


@pytest.fixture(scope="module")
def llm() -> Iterator[str]:
    with loopback_server(create_fake_openai()) as url:
        yield f"{url}/v1"


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_an_example_takes_its_course(name: str, server: str, llm: str) -> None:
    settings = Settings(llm_base_url=llm, llm_default_model="fake")
    compiled = compile_document((EXAMPLES / name).read_text(encoding="utf-8"), build_registry(settings).node_types())
    seen: dict[str, set[str]] = defaultdict(set)
    tokens: list[str] = []

    def show(event: dict[str, Any]) -> None:
        seen[event["type"]].add(event.get("node_id", ""))
        if event["type"] == "node.token":
            tokens.append(event["text"])

    inputs = {
        key: value.replace("{server}", server) if isinstance(value, str) else value
        for key, value in INPUTS[name].items()
    }
    with LocalSession(settings) as session:
        execution = run_to_end(session, compiled, inputs, show)

    assert execution["status"] == "completed", execution["error"]
    assert (seen["node.completed"], seen["node.skipped"]) == EXECUTED[name]
    assert {key: execution["outputs"][key] for key in OUTPUTS[name]} == OUTPUTS[name]
    writes = any(node.type == "llm" and node.id in EXECUTED[name][0] for node in compiled.plan.nodes.values())
    assert bool(tokens) == writes
