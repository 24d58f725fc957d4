"""Forms and what is made of them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.triggers.forms import MAX_FIELDS, form_fields, multipart, text_or_bytes, url_encoded

TYPE = "multipart/form-data; boundary=XX"


def form(*parts: tuple[str, bytes], end: bytes = b"--XX--\r\n") -> bytes:
    return b"".join(b"--XX\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts) + end


def part(name: str, more: str = "") -> str:
    return f'Content-Disposition: form-data; name="{name}"{more}'


def refused(content_type: str, body: bytes) -> ErrorCode:
    with pytest.raises(FlowrayError) as caught:
        multipart(content_type, body)
    return caught.value.code


def test_fields_by_name_are_listed_if_there_are_several() -> None:
    assert form_fields([("a", "1"), ("b", "2"), ("a", "3"), ("a", "4")]) == {"a": ["1", "3", "4"], "b": "2"}
    assert form_fields([("a", [1]), ("a", [2])]) == {"a": [[1], [2]]}


def test_url_encoded_forms_are_bounded() -> None:
    assert url_encoded("a=1&b=x+y&a=2&c=&d=%C3%BC") == {"a": ["1", "2"], "b": "x y", "c": "", "d": "ü"}
    assert len(url_encoded("&".join("a" * MAX_FIELDS))["a"]) == MAX_FIELDS
    with pytest.raises(FlowrayError) as caught:
        url_encoded("a&" * (MAX_FIELDS + 2))
    assert caught.value.code == ErrorCode.BODY_TOO_LARGE


def test_what_a_client_sends_is_read() -> None:
    files = [
        ("doc", ('ü "q".txt', "für".encode(), "text/plain")),
        ("doc", ("a.png", b"\x89PNG\r\n\r\n--", "image/png")),
        ("meta", (None, b'{"n": 1}', "application/json")),
    ]
    request = httpx.Request("POST", "http://x", data={"name": "Ada", "tag": ["a", "b"]}, files=files)
    assert multipart(request.headers["content-type"], request.read()) == {
        "name": "Ada",
        "tag": ["a", "b"],
        "doc": [
            {"filename": 'ü "q".txt', "content_type": "text/plain", "size": 4, "text": "für"},
            {"filename": "a.png", "content_type": "image/png", "size": 10, "base64": "iVBORw0KDQotLQ=="},
        ],
        "meta": {"n": 1},
    }


@pytest.mark.parametrize(
    ("head", "content", "value"),
    [
        (part("a"), b"", ""),
        (part("a"), b" x \r\n\n--X\r\n", " x \r\n\n--X\r\n"),
        (part("a") + "\r\nContent-Type: text/plain; charset=utf-16", "ü".encode("utf-16"), "ü"),
        (part("a"), b"\xff", {"base64": "/w=="}),
        (part("a") + "\r\nContent-Type: application/json", b"{", "{"),
        (part("a") + "\r\nContent-Type: application/json", b"[" * 10_000, "[" * 10_000),
        (part("a", '; filename=""') + "\r\nContent-Type: application/octet-stream", b"",
         {"filename": "", "content_type": "application/octet-stream", "size": 0, "text": ""}),
        (part("a", "; filename*=UTF-8''%C3%BC.csv") + "\r\nContent-Type: text/csv", b"1",
         {"filename": "ü.csv", "content_type": "text/csv", "size": 1, "text": "1"}),
        ('CONTENT-DISPOSITION: form-data;\r\n name="a"', b"folded", "folded"),
        (part("a") + "\r\nContent-Type: multipart/mixed; boundary=YY", b"--YY--", "--YY--"),
        (part("a") + "\r\nContent-Type: message/rfc822", b"A: b\r\n\r\nc", "A: b\r\n\r\nc"),
    ],
)  # fmt: skip
def test_parts_by_their_heads(head: str, content: bytes, value: Any) -> None:
    assert multipart(TYPE, form((head, content))) == {"a": value}


def test_what_stands_around_the_parts_is_left_out() -> None:
    body = b"before\r\n" + form((part("a"), b"1"), (part("b"), b"2"), end=b"--XX--\r\nafter\r\n--XX\r\n")
    assert multipart('multipart/form-data; charset=utf-8; boundary="XX"', body) == {"a": "1", "b": "2"}
    assert multipart(TYPE, b"--XX--\r\n") == {}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", form((part("a"), b"1"))),
        (f"multipart/form-data; boundary={'x' * 71}", form((part("a"), b"1"))),
        ("multipart/form-data; boundary=other", form((part("a"), b"1"))),
        (TYPE, form((part("a"), b"1"), end=b"")),
        (TYPE, form(("Content-Type: text/plain", b"1"))),
        (TYPE, form(("Content-Disposition: attachment; name=a", b"1"))),
        (TYPE, form((part("a") + f"\r\nX-Long: {'x' * 9_000}", b"1"))),
        (TYPE, b"--XX\r\n\xff\r\n\r\n1\r\n--XX--"),
        (TYPE, b"--XXY\r\n\r\n\r\n--XX--"),
    ],
)
def test_what_is_no_form_is_refused(content_type: str, body: bytes) -> None:
    assert refused(content_type, body) == ErrorCode.MALFORMED_BODY


def test_too_many_parts_are_refused() -> None:
    many = [(part("a"), b"1")] * MAX_FIELDS
    assert len(multipart(TYPE, form(*many))["a"]) == MAX_FIELDS
    assert refused(TYPE, form(*many, (part("a"), b"1"))) == ErrorCode.BODY_TOO_LARGE
    assert refused(TYPE, form(*many * 3)) == ErrorCode.BODY_TOO_LARGE


@pytest.mark.parametrize("charset", ["punycode", "idna", "hex", "none", "utf-7"])
def test_charsets_that_cost_or_break_are_not_used(charset: str) -> None:
    assert text_or_bytes("text/plain", charset, b"+2AA-") == {"base64": "KzJBQS0="}
