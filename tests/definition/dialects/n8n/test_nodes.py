"""One n8n node at a time: what its parameters become."""

from __future__ import annotations

from typing import Any

import pytest

from tests.definition.dialects.n8n.drawing import config, imported, messages, node


def typed(drawn: dict[str, Any]) -> tuple[str, dict[str, Any], list[str]]:
    result = imported(node("start", "manualTrigger"), drawn, start=[[drawn["name"]]])
    return result.require().nodes["x"].type, config(result, "x"), messages(result)


def test_set_in_its_versions() -> None:
    new = {"assignments": [{"name": "a.b", "value": "={{ $json.v }}"}, {"name": "n", "type": "number", "value": "3"}]}
    kind, found, _ = typed(node("x", "set", 3.4, assignments=new))
    assert (kind, found["template"]) == ("transform", {"a": {"b": "{{start.v}}"}, "n": 3})
    old = {"string": [{"name": "a", "value": "1"}]}
    assert typed(node("x", "set", 2, values=old, keepOnlySet=True))[1]["template"] == {"a": "1"}
    kind, found, _ = typed(node("x", "set", 2, values=old))
    assert (kind, found["inputVariables"]["fields"]) == ("code", {"a": "1"})


def test_a_request_with_query_headers_and_a_json_body() -> None:
    drawn = node(
        "x", "httpRequest", 4.2, method="POST", url="=http://h/{{ $json.id }}", sendBody=True, specifyBody="json",
        jsonBody='={"a": {{ $json.a }}}', queryParameters={"parameters": [{"name": "q", "value": "1"}]},
        options={"timeout": 5000},
    )  # fmt: skip
    kind, found, _ = typed(drawn)
    assert kind == "http"
    assert found == {
        "method": "POST", "url": "http://h/{{start.id ?? ''}}", "failOnStatus": True, "timeoutMs": 5000,
        "queryParams": [{"key": "q", "value": "1"}], "bodyType": "raw", "body": "{\"a\": {{start.a ?? ''}}}",
        "headers": [{"key": "Content-Type", "value": "application/json"}],
    }  # fmt: skip


def test_credentials_of_a_request_are_named_and_reported() -> None:
    drawn = {**node("x", "httpRequest", 4, url="http://x"), "credentials": {"httpHeaderAuth": {"name": "My key"}}}
    _, found, reported = typed(drawn)
    assert found["connection"] == "My key"
    assert "The request is sent without the credentials 'My key'." in reported


@pytest.mark.parametrize(
    ("drawn", "kind", "part"),
    [
        (node("x", "code", 2, jsCode="return [];"), "code", {"language": "javascript", "outputKey": ""}),
        (node("x", "wait", 1.1, amount=2, unit="minutes"), "wait", {"durationValue": 2, "durationUnit": "minutes"}),
        (node("x", "executeWorkflow", workflowId="w"), "workflow", {"workflowId": "w", "inputs": "{{start}}"}),
        (node("x", "respondToWebhook", respondWith="json", responseBody='{"a": 1}'), "response", {"data": {"a": 1}}),
        (node("x", "stickyNote", content="hi"), "comment", {"text": "hi"}),
        (node("x", "merge", 3, mode="combine", combineBy="combineByPosition"), "code", {"outputKey": ""}),
        (node("x", "emailSend", 2, toEmail="a@b.c", subject="s", text="t"), "email", {"to": "a@b.c", "text": "t"}),
        (node("x", "postgres", 2, operation="executeQuery", query="SELECT 1"), "database", {"query": "SELECT 1"}),
        (node("x", "/vectorStoreQdrant", mode="load", prompt="p"), "knowledgeBaseQuery", {"query": "p"}),
        (node("x", "/openAi", resource="image", operation="analyze", imageUrls="http://i"), "vision",
         {"imageInput": "http://i"}),
        (node("x", "/textClassifier", inputText="t", categories={"categories": [{"category": "A"}]}), "router",
         {"routes": [{"value": "A", "description": ""}]}),
    ],
)  # fmt: skip
def test_types_and_essential_parameters(drawn: dict[str, Any], kind: str, part: dict[str, Any]) -> None:
    found_kind, found, _ = typed(drawn)
    assert found_kind == kind
    assert {key: found.get(key) for key in part} == part
