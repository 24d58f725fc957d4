"""Bodies that other systems post, and what is made of them; pages of other origins that answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.local_server import LocalServer

FORM = (
    b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n{1}\r\n'
    b'--X\r\nContent-Disposition: form-data; name="b"; filename="b.txt"\r\n\r\nfile\r\n--X--\r\n'
)
FILE = {"filename": "b.txt", "content_type": "text/plain", "size": 4, "text": "file"}


async def token_of(server: LocalServer) -> str:
    return str((await server.http.post("/v1/waitpoints")).json()["token"])


@pytest.mark.parametrize(
    ("kind", "body", "data"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("application/x-www-form-urlencoded", b"a=1&b=x+y&a=2&c=", {"a": ["1", "2"], "b": "x y", "c": ""}),
        ("application/x-www-form-urlencoded", b'{"a": 1}', {"a": 1}),
        ("text/plain", b"approved", "approved"),
        ("text/plain; charset=utf-8", "für".encode(), "für"),
        ("text/plain", b'{"a": 1}', {"a": 1}),
        ("application/yaml", b"a: 1", {"a": 1}),
        ("text/plain", b"  ", None),
        ("multipart/form-data; boundary=X", FORM, {"a": "{1}", "b": FILE}),
        ("", b"", None),
    ],
)
async def test_a_callback_may_bring_what_it_likes(server: LocalServer, kind: str, body: bytes, data: Any) -> None:
    url = f"/v1/waitpoints/{await token_of(server)}/callback"
    headers = {"Content-Type": kind} if kind else {}
    kept = await server.http.post(url, content=body, headers=headers)
    assert (kept.status_code, kept.json().get("data")) == (200, data), kept.text


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{", 400),
        ("text/plain", b"\xff\xfe\x00", 415),
        ("image/png", b"\x89PNG", 415),
        ("multipart/form-data; boundary=Y", FORM, 400),
        ("application/x-www-form-urlencoded", b"a&" * 2_000, 413),
    ],
)
async def test_a_callback_that_cannot_be_read_leaves_the_token_open(
    server: LocalServer, kind: str, body: bytes, status: int
) -> None:
    token = await token_of(server)
    refused = await server.http.post(f"/v1/waitpoints/{token}/callback", content=body, headers={"Content-Type": kind})
    assert refused.status_code == status
    assert (await server.http.get(f"/v1/waitpoints/{token}")).json()["status"] == "open"


async def test_a_callback_for_nothing_is_not_found(server: LocalServer) -> None:
    assert (await server.http.post("/v1/waitpoints/wp_none/callback", json=1)).status_code == 404
