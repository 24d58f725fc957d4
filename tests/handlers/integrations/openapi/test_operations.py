"""Operations of documents: names, places of parameters, bodies."""

from __future__ import annotations

from typing import Any

from flowray.handlers.integrations.openapi.document import Document
from flowray.handlers.integrations.openapi.operations import OpenApiOperation, Placement, read_operations


def read(paths: dict[str, Any], **more: Any) -> dict[str, OpenApiOperation]:
    return read_operations(Document({"openapi": "3.1.0", "paths": paths, **more}, "p"))


def json_body(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}, **more}


def test_an_operation_without_an_id_is_named_by_method_and_path() -> None:
    found = read({"/users/{id}/mail": {"get": {"summary": "S", "parameters": []}, "delete": {}}})
    assert list(found) == ["get_users_id_mail", "delete_users_id_mail"]
    assert (found["get_users_id_mail"].operation.reads_only, found["get_users_id_mail"].operation.summary) == (
        True,
        "S",
    )
    assert not found["delete_users_id_mail"].operation.reads_only


def test_parameters_of_the_path_are_replaced_by_those_of_the_operation() -> None:
    shared = {"name": "id", "in": "path", "schema": {"type": "string"}}
    own = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}, "description": "Which."}
    query = {"name": "id", "in": "query", "style": "pipeDelimited", "content": {"x": {"schema": {"type": "array"}}}}
    found = read({"/a/{id}": {"parameters": [shared], "get": {"operationId": "a", "parameters": [own, query]}}})["a"]
    assert found.operation.parameters["properties"] == {
        "id": {"type": "integer", "description": "Which."}, "query_id": {"type": "array"},
    }  # fmt: skip
    assert found.operation.parameters["required"] == ["id"]
    assert found.placements == {
        "id": Placement("path", "id", "simple", False), "query_id": Placement("query", "id", "pipeDelimited", False),
    }  # fmt: skip


def test_members_of_a_body_are_parameters_unless_a_name_is_taken_twice() -> None:
    schema = {
        "type": "object",
        "properties": {"name": {}, "id": {}},
        "required": ["name"],
        "additionalProperties": False,
    }
    parameter = {"name": "id", "in": "path", "required": True}
    found = read(
        {
            "/a": {"post": {"operationId": "flat", "requestBody": json_body(schema, required=True)}},
            "/b/{id}": {"post": {"operationId": "whole", "parameters": [parameter], "requestBody": json_body(schema)}},
        }
    )
    flat, whole = found["flat"], found["whole"]
    assert (flat.whole_body, list(flat.operation.parameters["properties"])) == (False, ["name", "id"])
    assert (flat.operation.parameters["required"], flat.operation.parameters["additionalProperties"]) == (
        ["name"],
        False,
    )
    assert (whole.whole_body, list(whole.operation.parameters["properties"])) == (True, ["id", "body"])
    assert whole.operation.parameters["required"] == ["id"]


def test_json_comes_before_forms_and_other_bodies_are_left_out() -> None:
    def body(*media: str) -> dict[str, Any]:
        return {"post": {"requestBody": {"content": {each: {"schema": {"type": "string"}} for each in media}}}}

    found = read(
        {
            "/a": body("application/x-www-form-urlencoded", "application/vnd.api+json; v=1"),
            "/b": body("application/x-www-form-urlencoded"),
            "/c": body("multipart/form-data"),
        }
    )
    assert {name: described.body_type for name, described in found.items()} == {
        "post_a": "application/vnd.api+json; v=1", "post_b": "application/x-www-form-urlencoded",
    }  # fmt: skip


def test_security_is_that_of_the_operation_else_of_the_document() -> None:
    found = read(
        {"/a": {"get": {}}, "/b": {"get": {"security": []}}, "/c": {"get": {"security": [{"x": [], "y": ["s"]}, {}]}}},
        security=[{"key": []}],
    )
    assert [tuple(described.security) for described in found.values()] == [(("key",),), (), (("x", "y"), ())]
