"""The OpenAPI document is complete: every call, body, answer and problem."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from fastapi import FastAPI

from flowray.api.http.openapi import docs_page
from flowray.errors import ErrorCode

CONTRACT = {
    ("post", "/v1/workflows"), ("get", "/v1/workflows"), ("get", "/v1/workflows/{workflow_id}"),
    ("put", "/v1/workflows/{workflow_id}"), ("delete", "/v1/workflows/{workflow_id}"),
    ("post", "/v1/workflows/validate"), ("get", "/v1/workflows/{workflow_id}/plan"),
    ("get", "/v1/executions/{execution_id}/plan"), ("post", "/v1/workflows/{workflow_id}/execute"),
    ("post", "/v1/executions"), ("get", "/v1/executions/{execution_id}"), ("get", "/v1/executions"),
    ("get", "/v1/executions/{execution_id}/events"), ("get", "/v1/executions/{execution_id}/streams/{stream_id}"),
    ("get", "/v1/executions/{execution_id}/nodes"), ("post", "/v1/executions/{execution_id}/cancel"),
    ("post", "/v1/executions/{execution_id}/pause"), ("post", "/v1/executions/{execution_id}/resume"),
    ("post", "/v1/executions/{execution_id}/rerun"), ("get", "/v1/waitpoints"),
    ("post", "/v1/waitpoints/{token}/complete"), ("get", "/v1/node-types"), ("get", "/v1/info"),
    ("post", "/v1/workflows/{workflow_id}/batches"), ("get", "/v1/batches/{batch_id}"),
    ("get", "/v1/batches/{batch_id}/results"), ("get", "/healthz"), ("get", "/readyz"), ("get", "/metrics"),
}  # fmt: skip


@pytest.fixture
def document(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, found) for path, methods in document["paths"].items() for method, found in methods.items()]


def test_every_call_of_the_contract_is_there(document: dict[str, Any]) -> None:
    assert {(method, path) for method, path, _ in operations(document)} >= CONTRACT


def test_every_operation_says_what_it_does_and_how_it_fails(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        assert operation["tags"], (method, path)
        responses = operation["responses"]
        assert responses["default"]["content"]["application/problem+json"], (method, path)
        assert any(status.startswith(("2", "501")) for status in responses), (method, path)
        assert "HTTPValidationError" not in json.dumps(operation)


def test_bodies_are_described(document: dict[str, Any]) -> None:
    def schema(method: str, path: str) -> str:
        content = document["paths"][path][method]["requestBody"]["content"]
        assert set(content) >= {"application/json", "application/yaml"}
        name: str = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
        return name

    assert schema("post", "/v1/workflows") == "WorkflowDefinition"
    assert schema("put", "/v1/workflows/{workflow_id}") == "WorkflowDefinition"
    assert schema("post", "/v1/workflows/{workflow_id}/execute") == "ExecuteRequest"
    assert schema("post", "/v1/executions") == "StartRequest"
    assert schema("post", "/v1/executions/{execution_id}/cancel") == "CancelRequest"
    batch = document["paths"]["/v1/workflows/{workflow_id}/batches"]["post"]["requestBody"]["content"]
    assert set(batch) == {"application/json", "application/yaml", "application/jsonl"}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert names <= set(document["components"]["schemas"])
    assert "#/$defs" not in text


def test_problems_list_every_code(document: dict[str, Any]) -> None:
    """R58."""
    problem = document["components"]["schemas"]["Problem"]
    assert set(problem["properties"]["code"]["enum"]) == {code.value for code in ErrorCode}
    assert problem["examples"][0]["code"] == "INVALID_INPUT"


def test_the_page_lists_every_operation(document: dict[str, Any]) -> None:
    page = docs_page(document)
    for method, path, _ in operations(document):
        assert f"<b>{method.upper()}</b><code>{path}</code>" in page
