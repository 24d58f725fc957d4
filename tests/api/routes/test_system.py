"""Routes of the server itself."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from flowray import __version__, wire
from flowray.api.context import ApiContext
from flowray.errors import ErrorCode, FlowrayError
from tests.api.fake_directory import FakeDirectory


async def test_health(http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).json() == {"status": "ok"}
    assert (await http.get("/readyz")).json() == {"status": "ready"}


async def test_not_ready_while_the_database_is_away(
    http: httpx.AsyncClient, directory: FakeDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R58."""

    def away() -> int:
        raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away", retryable=True)

    monkeypatch.setattr(directory.reader, "now_ms", away)
    monkeypatch.setattr(directory.reader, "claimable", away)
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert (await http.get("/healthz")).status_code == 200
    assert "flowray_database_up 0\n" in (await http.get("/metrics")).text


async def test_before_it_has_started_it_says_so(http: httpx.AsyncClient, app: FastAPI, context: ApiContext) -> None:
    app.state.context = None
    answer = await http.get("/v1/executions")
    assert (answer.status_code, answer.json()["code"]) == (503, "RUNTIME_UNAVAILABLE")
    app.state.context = context


async def test_info(http: httpx.AsyncClient) -> None:
    body = (await http.get("/v1/info")).json()
    wire.Info.model_validate(body)
    assert (body["version"], body["database"], body["durability_mode"], body["proxy_mode"]) == (
        __version__, "memory", "none", "none",
    )  # fmt: skip
    assert body["limits"]["max_body_bytes"] == 65_536


async def test_node_types_have_schemas_of_their_configs(http: httpx.AsyncClient) -> None:
    body = (await http.get("/v1/node-types")).json()
    wire.NodeTypeList.model_validate(body)
    by_name = {entry["name"]: entry for entry in body["data"]}
    assert {"input", "output", "llm", "http", "conditional", "transform", "wait"} <= set(by_name)
    assert "outputName" in by_name["output"]["config_schema"]["properties"]


async def test_metrics_are_prometheus_text(http: httpx.AsyncClient) -> None:
    answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE flowray_executions_started_total counter\nflowray_executions_started_total 0\n" in answer.text
    assert "flowray_database_up 1\n" in answer.text
    assert "flowray_executions_unowned 0\n" in answer.text


async def test_the_docs_need_no_network(http: httpx.AsyncClient) -> None:
    page = (await http.get("/docs")).text
    assert "/v1/workflows/{workflow_id}/execute" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page
