"""OpenAPI documents: versions, references, and schemas that stand alone."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.integrations.openapi.document import Document, operations_in, parse_document


def document(**parts: Any) -> Document:
    return Document({"openapi": "3.0.3", **parts}, "p")


TREE = document(
    components={
        "schemas": {
            "Node": {
                "type": "object",
                "properties": {
                    "label": {"type": "string", "nullable": True, "example": "x"},
                    "weight": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
                    "next": {"$ref": "#/components/schemas/Link"},
                },
            },
            "Link": {"type": "object", "properties": {"to": {"$ref": "#/components/schemas/Node"}}},
            "Unused": {"type": "string"},
        }
    }
)


def test_schemas_that_lead_in_a_circle_stand_alone() -> None:
    schema = TREE.with_definitions({"$ref": "#/components/schemas/Node"})
    assert set(schema["$defs"]) == {"Node", "Link"}
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate({"label": None, "weight": 1, "next": {"to": {"next": {"to": {"label": "x"}}}}})
    for wrong in ({"weight": 0}, {"next": {"to": {"next": {"to": {"label": 5}}}}}):
        assert not validator.is_valid(wrong)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "neither JSON nor YAML"),
        ("a: [", "neither JSON nor YAML"),
        ("- 1", "it is no object"),
        ('{"swagger": "2.0"}', "not of OpenAPI 3.0 or 3.1 but of 2.0"),
        ("title: x", "but of none"),
    ],
)
def test_what_is_no_document(text: str, message: str) -> None:
    with pytest.raises(FlowrayError, match=message) as caught:
        parse_document(text, "p")
    assert caught.value.code == ErrorCode.CONFIGURATION


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("other.yaml#/a", "leads out of it"),
        ("#/components/none", "leads nowhere"),
        ("#/a", "lead in a circle"),
    ],
)
def test_references_that_lead_nowhere_good(reference: str, message: str) -> None:
    with pytest.raises(FlowrayError, match=message):
        document(a={"$ref": "#/b"}, b={"$ref": "#/a"}, components={}).followed({"$ref": reference})


def test_operations_of_paths_that_are_references() -> None:
    found = document(paths={"/a": {"$ref": "#/x"}, "/b": {"get": {}, "summary": "s"}}, x={"post": {"operationId": "m"}})
    assert [(path, method) for path, method, _, _ in operations_in(found)] == [("/a", "POST"), ("/b", "GET")]
