"""Payloads, and the inputs that are made of them."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.triggers.configs import ScheduleConfig
from flowray.triggers.payloads import event_payload, inputs_of, parse_body, tick_payload


def test_without_a_mapping_the_payload_is_the_input() -> None:
    payload = {"body": {"a": 1}}
    assert inputs_of(None, payload, 0) is payload


def test_a_mapping_fills_templates_with_their_types() -> None:
    payload = event_payload("order", {"n": 7, "xs": [1]}, "k")
    mapping = {"n": "{{data.n}}", "text": "{{name}}/{{data.n}}", "xs": ["{{data.xs}}"], "gone": "{{data.gone}}", "c": 1}
    assert inputs_of(mapping, payload, 0) == {"n": 7, "text": "order/7", "xs": [[1]], "gone": None, "c": 1}


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}), ("application/cloudevents+json; charset=utf-8", b"[1]", [1]),
        ("", b"{}", {}), ("", b"plain", "plain"), ("text/plain; charset=utf-16", "ü".encode("utf-16"), "ü"),
        ("text/plain; charset=nonsense", b"x", {"base64": "eA=="}), ("image/png", b"\x89P", {"base64": "iVA="}),
        ("application/json", b"\xff", {"base64": "/w=="}), ("application/json", b"", None),
        ("application/json", b"[" * 100_000, "[" * 100_000),
    ],
)  # fmt: skip
def test_bodies_by_their_type(content_type: str, body: bytes, value: Any) -> None:
    assert parse_body(content_type, body) == value


def test_forms_by_their_type() -> None:
    assert parse_body("application/x-www-form-urlencoded", b"a=1&a=2") == {"a": ["1", "2"]}
    form = b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--\r\n'
    assert parse_body("Multipart/Form-Data; boundary=X", form) == {"a": "1"}
    assert parse_body("multipart/form-data", form) == form.decode()
    with pytest.raises(FlowrayError) as caught:
        parse_body("application/x-www-form-urlencoded", b"a&" * 500_000)
    assert caught.value.code == ErrorCode.BODY_TOO_LARGE


def test_a_tick_knows_its_neighbours() -> None:
    assert tick_payload(ScheduleConfig(every="1h"), 7_200_000) == {
        "timestamp": "1970-01-01T02:00:00.000Z",
        "last_timestamp": "1970-01-01T01:00:00.000Z",
        "next_timestamp": "1970-01-01T03:00:00.000Z",
        "timezone": "UTC",
    }
