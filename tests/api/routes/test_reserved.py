"""Calls of later releases say so."""

from __future__ import annotations

import re

import httpx
import pytest

from flowray.api.routes.reserved import RESERVED


@pytest.mark.parametrize(("method", "path", "feature"), RESERVED)
async def test_reserved_calls_answer_501_and_name_the_feature(
    http: httpx.AsyncClient, method: str, path: str, feature: str
) -> None:
    answer = await http.request(method, "/v1" + re.sub(r"\{.*?\}", "x", path))
    assert (answer.status_code, answer.json()["code"]) == (501, "NOT_IMPLEMENTED")
    assert feature in answer.json()["detail"]


def test_all_that_the_contract_reserves_is_there() -> None:
    paths = {(method, path) for method, path, _ in RESERVED}
    assert ("POST", "/executions/{execution_id}/redrive") in paths
    assert ("POST", "/waitpoints") in paths
    features = {feature for _, _, feature in RESERVED}
    assert {"triggers", "queues", "workflow versions"} <= features
