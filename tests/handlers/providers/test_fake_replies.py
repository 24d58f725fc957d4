"""Replies of the fake model: valid for the schema that is asked for."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel, Field

from flowray.handlers.providers.fake_replies import count_tokens, fit_schema, pieces, reply_text, tool_call


class Item(BaseModel):
    name: str = Field(min_length=50, max_length=60)
    kind: str | None
    children: list[Item] = []


class Order(BaseModel):
    items: list[Item] = Field(min_length=2)
    total: float = Field(gt=10, le=20)
    rush: bool


@pytest.mark.parametrize("seed", ["", "a prompt", "another prompt with more words"])
@pytest.mark.parametrize(
    "schema",
    [
        Order.model_json_schema(), {"enum": ["a", "b"]}, {"type": ["string", "null"]}, {"const": 5}, {"type": "null"},
        {"type": "integer", "minimum": -5, "maximum": -3}, {"type": "string", "format": "date"},
        {"allOf": [{"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}]},
    ],
)  # fmt: skip
def test_values_are_valid(schema: dict[str, Any], seed: str) -> None:
    jsonschema.validate(fit_schema(schema, seed), schema)


def test_pieces_join_to_the_text() -> None:
    for text in ("a b  c", " lead", "trail ", ""):
        assert "".join(pieces(text)) == text


def test_replies_depend_on_system_and_prompt() -> None:
    user = {"role": "user", "content": [{"type": "text", "text": "hi"}]}
    assert reply_text([user]).startswith("You asked: hi (1 words")
    assert reply_text([user]) != reply_text([{"role": "system", "content": "s"}, user])
    assert count_tokens("12345") == 2


def test_a_named_tool_is_called() -> None:
    tools = [{"function": {"name": "a"}}, {"function": {"name": "b"}}]
    assert tool_call(tools, {"function": {"name": "b"}}, "x")["function"]["name"] == "b"
    assert tool_call(tools, "auto", "x")["function"]["name"] == "a"
