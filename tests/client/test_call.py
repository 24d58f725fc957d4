"""How calls of the namespaces are made up."""

from __future__ import annotations

import httpx

from flowray import wire
from flowray.client.call import given, json_body, nothing, path, reading


def test_each_part_of_a_path_is_quoted_as_one() -> None:
    assert path("limits", "a/b c") == "/v1/limits/a%2Fb%20c"


def test_answers_are_read_as_models_or_not_at_all() -> None:
    assert reading(wire.LimitList)(httpx.Response(200, json={"data": []})).data == []
    assert nothing(httpx.Response(204)) is None  # type: ignore[func-returns-value]


def test_only_what_is_given_is_sent() -> None:
    assert given(a=1, b=None, c=0) == {"a": 1, "c": 0}
    assert json_body({"ü": 1}) == '{"ü":1}'.encode()
