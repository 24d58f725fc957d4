"""Whatever an address answers becomes readable text, or a clear error."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.web import pages
from tests.fakes.made_documents import pdf_of
from tests.fakes.pages import PAGE
from tests.fakes.pages import pages as answering
from tests.fakes.services import fake_services, node_input


async def fetched(kind: str, content: bytes, status: int = 200, *, whole: bool = False) -> dict[str, object]:
    node = node_input({}, services=fake_services(http=answering(p=(status, kind, content))))
    return await pages.fetch_page(node, "http://h/p", timeout_ms=1_000, whole_page=whole)


async def test_html_text_and_documents() -> None:
    page = await fetched("text/html", PAGE)
    assert (page["title"], page["text"], page["markdown"]) == ("Shop", "Tea\nGreen tea", "# Tea\n\nGreen [tea](/more)")
    assert page["links"] == [{"text": "tea", "url": "http://h/more"}]
    assert "Menu" in str((await fetched("text/html", PAGE, whole=True))["text"])
    assert (await fetched("", b"<!DOCTYPE html><p>x</p>"))["text"] == "x"
    assert (await fetched("text/html; charset=latin-1", "<p>é</p>".encode("latin-1")))["text"] == "é"
    assert (await fetched("text/plain", b"plain"))["markdown"] == "plain"
    assert (await fetched("application/json", b"[1]"))["text"] == "[1]"
    assert (await fetched("application/pdf", pdf_of("Paper")))["text"] == "Paper"
    assert (await fetched("text/html", b"<p>gone</p>", 410))["status"] == 410


async def test_what_holds_no_text_or_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FlowrayError) as raised:
        await fetched("image/png", b"\x89PNG\r\n\x1a\n\0")
    assert raised.value.code == ErrorCode.UNSUPPORTED_FORMAT
    monkeypatch.setattr(pages, "PAGE_BYTES", 3)
    with pytest.raises(FlowrayError) as raised:
        await fetched("text/plain", b"1234")
    assert raised.value.code == ErrorCode.FILE_LIMIT_EXCEEDED
