"""The OpenAPI document: what FastAPI cannot see (bodies that we read ourselves, problems everywhere), and its page."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from flowray import wire
from flowray.api.http.error_responses import CONTENT_TYPE, STATUS, TYPE_BASE
from flowray.definition.loading import definition_schema

DESCRIPTION = """Runs workflows: graphs of nodes written as JSON or YAML.

An answer 202 means that the execution is kept: it ends, or stays visible as waiting, whatever fails. Every error is an
RFC 9457 problem with a stable `code`. Event streams (SSE) resume with `Last-Event-ID`, without a gap."""

TAGS = [
    {"name": "workflows", "description": "Save, check and look at definitions."},
    {"name": "executions", "description": "Start, look at, pause, resume and stop executions."},
    {"name": "events", "description": "What happens, as it happens."},
    {"name": "waitpoints", "description": "What waits for an answer, and answering it."},
    {"name": "triggers", "description": "What starts executions: schedules, webhooks, events."},
    {"name": "queues", "description": "Where executions wait for each other, and how many run at a time."},
    {"name": "knowledge", "description": "Texts that are found by what they mean: make, fill and ask bases of them."},
    {"name": "limits", "description": "How much of a resource, such as a model's provider, all executions may use."},
    {"name": "connections", "description": "Accounts at other services, which nodes use by name."},
    {"name": "callbacks", "description": "What the starters of executions are told."},
    {"name": "batches", "description": "One workflow over many inputs."},
    {"name": "reserved", "description": "Calls of later releases; they answer 501."},
    {"name": "system", "description": "The server itself."},
]

_REF = "#/components/schemas/"
_DEFINITION = "WorkflowDefinition"
_PART = _REF + "Definition."
_MODELS: tuple[type[BaseModel], ...] = (
    wire.Problem, wire.ExecuteRequest, wire.StartRequest, wire.BatchRequest, wire.CancelRequest, wire.EventBody,
    wire.RerunRequest, wire.TriggerRequest, wire.TriggerPatch, wire.FireRequest, wire.EventRequest,
    wire.BatchResult, wire.QueuePatch, wire.PauseRequest, wire.ResumeRequest, wire.CompleteRequest,
    wire.CreateWaitpointRequest, wire.BulkCancelRequest, wire.BulkRerunRequest, wire.MetadataRequest,
    wire.LimitRequest, wire.ConnectionRequest, wire.ConnectionChange,
    wire.KnowledgeBaseRequest, wire.IngestRequest, wire.KnowledgeQuery,
)  # fmt: skip


def answers(statuses: dict[int, type[BaseModel] | str], *problems: int) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route: status → model or description, and the statuses that answer a problem."""
    documented: dict[int | str, dict[str, Any]] = {}
    for status, what in statuses.items():
        if isinstance(what, str):
            documented[status] = {"description": what}
        else:
            documented[status] = {"model": what, "description": _first_line(what)}
    for status in problems:
        documented[status] = {"description": _codes_of(status), "content": _problem_content()}
    return documented


def stream_answer(description: str, media_type: str = "text/event-stream") -> dict[str, Any]:
    """The documentation of an answer that is no JSON object, for ``responses`` of a route."""
    return {"description": description, "content": {media_type: {"schema": {"type": "string"}}}}


def body_of(model: type[BaseModel], *, required: bool = True, text_type: str | None = None) -> dict[str, Any]:
    """``openapi_extra`` of a route whose body is ``model``, or text of a further media type."""
    schema = {"$ref": _REF + model.__name__}
    content: dict[str, Any] = {"application/json": {"schema": schema}, "application/yaml": {"schema": schema}}
    if text_type is not None:
        content[text_type] = {"schema": {"type": "string"}}
    return {"requestBody": {"required": required, "content": content}}


def definition_body() -> dict[str, Any]:
    """``openapi_extra`` of a route whose body is a workflow definition."""
    schema = {"$ref": _REF + _DEFINITION}
    example = {
        "name": "greet",
        "nodes": {
            "in": {"type": "input", "config": {"inputName": "name", "required": True}},
            "out": {"type": "output", "config": {"outputName": "greeting", "value": "Hello {{name}}"}},
        },
        "edges": [{"source": "in", "target": "out"}],
    }
    content = {kind: {"schema": schema, "example": example} for kind in ("application/json", "application/yaml")}
    return {"requestBody": {"required": True, "content": content}}


def install_openapi(app: FastAPI) -> None:
    """Make ``app.openapi()`` answer the whole document, built once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    _, generated = models_json_schema([(model, "validation") for model in _MODELS], ref_template=_REF + "{model}")
    for name, schema in generated["$defs"].items():
        schemas.setdefault(name, schema)
    schemas.update(_definition_components())
    for operations in document["paths"].values():
        for operation in operations.values():
            _replace_validation_errors(operation)
            operation["responses"].setdefault(
                "default", {"description": "Any other error.", "content": _problem_content()}
            )
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Problem"]["properties"]["code"]["enum"] = sorted(code.value for code in STATUS)
    schemas["Problem"]["examples"] = [_EXAMPLE]
    return document


def _replace_validation_errors(operation: dict[str, Any]) -> None:
    """FastAPI documents its own 422 for wrong parameters; ours are 400 problems."""
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422", "")):
        del responses["422"]
        responses.setdefault("400", {"description": _codes_of(400), "content": _problem_content()})


def _definition_components() -> dict[str, Any]:
    """The published schema of definitions, its parts renamed so that they collide with nothing."""
    schema = definition_schema()
    parts = schema.pop("$defs", {})
    for key in ("$schema", "$id"):
        schema.pop(key, None)
    renamed = {_DEFINITION: schema, **{f"Definition.{name}": part for name, part in parts.items()}}
    moved: dict[str, Any] = _with_moved_refs(renamed)
    return moved


def _with_moved_refs(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: item.replace("#/$defs/", _PART) if key == "$ref" and isinstance(item, str) else _with_moved_refs(item)
            for key, item in value.items()
        }
    return [_with_moved_refs(item) for item in value] if isinstance(value, list) else value


def _codes_of(status: int) -> str:
    codes = [code.value for code, its_status in STATUS.items() if its_status == status]
    return "Problem: " + ", ".join(codes) if codes else "Problem."


def _problem_content() -> dict[str, Any]:
    return {CONTENT_TYPE: {"schema": {"$ref": _REF + "Problem"}}}


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or model.__name__).strip().splitlines()[0]


_EXAMPLE = {
    "type": TYPE_BASE + "invalid-input",
    "title": "Invalid input",
    "status": 422,
    "detail": "the inputs do not fit the workflow: the required input 'name' is missing",
    "code": "INVALID_INPUT",
    "errors": [{"pointer": "/inputs/name", "message": "the required input 'name' is missing"}],
    "hint": "errors[] names every misfit by its JSON pointer",
    "execution_id": None,
    "node_id": None,
    "problem_instance": "urn:uuid:0198c0de-0000-7000-8000-000000000000",
}


# -- the page -----------------------------------------------------------------------------------------------------

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "code{font:13px ui-monospace,monospace}summary{cursor:pointer;padding:.3rem 0}"
    "b{display:inline-block;min-width:4.5rem}details{border-bottom:1px solid #ddd}li{margin:.15rem 0}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}details{border-color:#333}a{color:#8ab4ff}}"
)


def docs_page(document: dict[str, Any]) -> str:
    """The document as one page that needs no network: every operation with its parameters and answers."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>{escape(document['info']['title'])} API</title><style>{_STYLE}</style>",
        f"<h1>{escape(document['info']['title'])} {escape(document['info']['version'])}</h1>",
        f"<p>{escape(document['info']['description'])}</p>",
        "<p>The whole document, with all schemas: <a href=/openapi.json>/openapi.json</a></p>",
    ]
    for tag in document["tags"]:
        parts.append(f"<h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p>")
        for path, operations in document["paths"].items():
            parts += [
                _operation(method, path, operation)
                for method, operation in operations.items()
                if tag["name"] in operation.get("tags", ())
            ]
    return "".join(parts) + "</html>"


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = [
        f"<li><code>{escape(item['name'])}</code> ({item['in']}) {escape(item.get('description', ''))}</li>"
        for item in operation.get("parameters", ())
    ]
    bodies = [
        f"<li>body: <code>{escape(kind)}</code> {_schema_name(content)}</li>"
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
    ]
    responses = [
        f"<li><code>{status}</code> {escape(response.get('description', ''))} "
        + " ".join(_schema_name(content) for content in response.get("content", {}).values())
        + "</li>"
        for status, response in operation["responses"].items()
    ]
    return (
        f"<details><summary><b>{method.upper()}</b><code>{escape(path)}</code> {escape(operation.get('summary', ''))}"
        f"</summary><p>{escape(operation.get('description', ''))}</p>"
        f"<ul>{''.join(parameters + bodies)}</ul><ul>{''.join(responses)}</ul></details>"
    )


def _schema_name(content: dict[str, Any]) -> str:
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return f"<i>{escape(name)}</i>" if name else ""
