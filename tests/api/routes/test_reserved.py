"""Calls of later releases say so."""

from __future__ import annotations

import re

import httpx
import pytest
from fastapi import FastAPI

from flowray.api.routes.reserved import RESERVED


@pytest.mark.parametrize(("method", "path", "feature"), RESERVED)
async def test_reserved_calls_answer_501_and_name_the_feature(
    http: httpx.AsyncClient, method: str, path: str, feature: str
) -> None:
    answer = await http.request(method, "/v1" + re.sub(r"\{.*?\}", "x", path))
    assert (answer.status_code, answer.json()["code"]) == (501, "NOT_IMPLEMENTED")
    assert feature in answer.json()["detail"]


def test_what_is_reserved_is_nowhere_else(app: FastAPI) -> None:
    """A call that has come to be must leave the table: the first of two routes answers, and nobody would notice."""
    reserved = [(method, "/v1" + path) for method, path, _ in RESERVED]
    document = app.openapi()["paths"]
    assert len(set(reserved)) == len(reserved)
    for method, path in reserved:
        assert document[path][method.lower()]["tags"] == ["reserved"], (method, path)
