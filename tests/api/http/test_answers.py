"""Which kind of answer a request wants."""

from __future__ import annotations

import pytest
from fastapi import Request

from flowray.api.http.answers import EVENT_STREAM, JSON, accepts, chosen_type, json_answer
from flowray.errors import ErrorCode, FlowrayError


def request(accept: str | None) -> Request:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    ("accept", "named"),
    [
        ("text/event-stream", True), ("application/json, Text/Event-Stream;q=0.1", True), ("*/*", False),
        (None, False), ("text/event-stream;q=0", False),
    ],
)  # fmt: skip
def test_a_stream_must_be_asked_for_by_name(accept: str | None, named: bool) -> None:
    assert accepts(request(accept), EVENT_STREAM) is named


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, EVENT_STREAM), ("*/*", EVENT_STREAM), ("application/*", JSON), ("application/json;q=x", JSON),
        ("text/event-stream;q=0.5, application/json", JSON), ("image/png, */*;q=0.1", EVENT_STREAM),
    ],
)  # fmt: skip
def test_the_best_of_what_is_offered(accept: str | None, chosen: str) -> None:
    assert chosen_type(request(accept), (EVENT_STREAM, JSON)) == chosen


def test_nothing_that_fits() -> None:
    with pytest.raises(FlowrayError) as caught:
        chosen_type(request("image/*"), (EVENT_STREAM, JSON))
    assert caught.value.code is ErrorCode.NOT_ACCEPTABLE


def test_answers_are_not_kept_by_caches() -> None:
    answer = json_answer({"a": "é"}, 201, {"Location": "/x"})
    assert (answer.status_code, answer.body) == (201, '{"a":"é"}'.encode())
    assert (answer.headers["cache-control"], answer.headers["location"]) == ("no-store", "/x")
