from __future__ import annotations

import time

import pytest

from flowray.handlers.agents.pii import TYPES, find_entities, masked


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to ann.b+c@mail.example.co.uk please", "EMAIL_ADDRESS"),
        ("see https://example.com/a?b=1", "URL"),
        ("pay to DE89 3704 0044 0532 0130 00 now", "IBAN_CODE"),
        ("card 4111 1111 1111 1111", "CREDIT_CARD"),
        ("card 378282246310005.", "CREDIT_CARD"),
        ("SSN 536-90-4399", "US_SSN"),
        ("from 192.0.2.17", "IP_ADDRESS"),
        ("from 2001:db8::1 it came", "IP_ADDRESS"),
        ("call +49 30 1234567", "PHONE_NUMBER"),
        ("call (030) 123-4567", "PHONE_NUMBER"),
        ("call +493012345678", "PHONE_NUMBER"),
        ("call 030 1234567", "PHONE_NUMBER"),
        ("call 555-123-4567.", "PHONE_NUMBER"),
    ],
)
def test_what_has_a_form_is_found(text: str, kind: str) -> None:
    assert [entity.type for entity in find_entities(text)] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "", "no data here", "4111 1111 1111 1112", "DE88370400440532013000", "999.999.999.999", "000-12-3456",
        "version 1.2.3", "2026-01-31", "12:30:45", "0000000000000000", "a@b", "12 34", "0xdeadbeef",
    ],
)  # fmt: skip
def test_what_only_looks_alike_is_not(text: str) -> None:
    assert find_entities(text) == []


def test_a_find_is_no_part_of_another_and_masks_keep_the_rest() -> None:
    text = "Ann <ann@example.com>, 4111-1111-1111-1111, +49 30 1234567, 10.0.0.1"
    found = find_entities(text)
    assert [entity.type for entity in found] == ["EMAIL_ADDRESS", "CREDIT_CARD", "PHONE_NUMBER", "IP_ADDRESS"]
    assert [text[entity.start : entity.end] for entity in found] == [entity.text for entity in found]
    assert masked(text, found) == "Ann <<EMAIL_ADDRESS>>, <CREDIT_CARD>, <PHONE_NUMBER>, <IP_ADDRESS>"


def test_only_the_types_that_are_asked_for() -> None:
    text = "ann@example.com 10.0.0.1"
    assert [entity.type for entity in find_entities(text, ["IP_ADDRESS"])] == ["IP_ADDRESS"]


@pytest.mark.parametrize("piece", ["a@", "1 ", "1-", "a.", "DE11 1111 ", ":", "(1", "http://", "+1", "A1", "a@b.cc "])
def test_no_text_takes_the_patterns_long(piece: str) -> None:
    """R27: ten times the text must not take much more than ten times as long."""

    def took(count: int) -> float:
        began = time.process_time()
        find_entities(piece * count, TYPES)
        return time.process_time() - began

    took(1_000)
    assert took(50_000) < 40 * max(took(5_000), 0.02)
