"""Payloads, and the inputs that are made of them."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.triggers.configs import ScheduleConfig
from flowray.triggers.payloads import event_payload, form_fields, inputs_of, parse_body, tick_payload


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
    ],
)  # fmt: skip
def test_bodies_by_their_type(content_type: str, body: bytes, value: Any) -> None:
    assert parse_body(content_type, body) == value


def test_fields_of_forms() -> None:
    assert form_fields([("a", "1"), ("b", "2"), ("a", "3"), ("a", "4")]) == {"a": ["1", "3", "4"], "b": "2"}


def test_a_tick_knows_its_neighbours() -> None:
    assert tick_payload(ScheduleConfig(every="1h"), 7_200_000) == {
        "timestamp": "1970-01-01T02:00:00.000Z",
        "last_timestamp": "1970-01-01T01:00:00.000Z",
        "next_timestamp": "1970-01-01T03:00:00.000Z",
        "timezone": "UTC",
    }
