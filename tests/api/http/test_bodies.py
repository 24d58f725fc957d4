"""Bodies become values, or an error that says where they are wrong."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import Request

from flowray.api.http.bodies import body_format, check_carriable, read_lines, read_model
from flowray.errors import ErrorCode, FlowrayError
from flowray.wire import CancelRequest, ExecuteRequest


def request(body: bytes = b"", **headers: str) -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": pairs}, receive)


@pytest.mark.parametrize(
    ("kind", "format_"),
    [
        ("application/json; charset=utf-8", "json"), ("application/ld+json", "json"), ("Application/YAML", "yaml"),
        ("text/plain", None), ("", None),
    ],
)  # fmt: skip
def test_what_the_header_says(kind: str, format_: str | None) -> None:
    assert body_format(request(content_type=kind)) == format_


async def test_yaml_and_empty_bodies_become_models() -> None:
    body = await read_model(request(b"inputs: {n: on}", content_type="application/yaml"), ExecuteRequest)
    assert body.inputs == {"n": "on"}
    assert (await read_model(request(b"  "), CancelRequest)).reason == "Cancelled by user"


async def test_large_bodies_are_read_too() -> None:
    text = b'{"inputs": {"x": "' + b"y" * 300_000 + b'"}}'
    assert len((await read_model(request(text), ExecuteRequest)).inputs["x"]) == 300_000


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", ErrorCode.MALFORMED_BODY), (b'{"inputs": {}, "inputs": {}}', ErrorCode.MALFORMED_BODY),
        (b'{"inputs": ' + b'{"a":' * 200 + b"1" + b"}" * 201, ErrorCode.MALFORMED_BODY),
        (b"null", ErrorCode.INVALID_REQUEST),
    ],
)  # fmt: skip
async def test_what_is_no_body(body: bytes, code: ErrorCode) -> None:
    with pytest.raises(FlowrayError) as caught:
        await read_model(request(body, content_type="application/json"), ExecuteRequest)
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("text", "value", "pointer"),
    [
        (b"99999999999999999999", {"a": [0, 99999999999999999999]}, "/a/1"),
        (b'"\\ud800"', {"a/b": "\ud800"}, "/a~1b"), (b'"\\uD800"', {"\ud800": 1}, ""),
    ],
)  # fmt: skip
def test_what_hardly_anybody_can_read_is_named(text: bytes, value: Any, pointer: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        check_carriable(text, value)
    assert caught.value.details["errors"][0]["pointer"] == pointer


def test_large_numbers_within_64_bits_and_pairs_are_fine() -> None:
    check_carriable(b"9223372036854775807", {"a": 2**63 - 1, "b": True, "c": 1e300})
    check_carriable(b'"\\ud83d\\ude00"', "\U0001f600")


async def test_lines() -> None:
    assert await read_lines(request(b'{"a":1}\r\n\n[2]\n')) == [{"a": 1}, [2]]
