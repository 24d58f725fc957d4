"""The webBrowse node."""

from __future__ import annotations

from flowray.errors import ErrorCode
from tests.fakes.pages import PAGE, pages
from tests.fakes.services import fake_services
from tests.handlers.running import fail, output

SERVICES = fake_services(http=pages(a=(200, "text/html", PAGE), busy=(503, "text/html", b"")))


async def test_a_page() -> None:
    found = await output("webBrowse", {"url": "http://h/a", "extractText": True}, services=SERVICES)
    assert (found["title"], found["content"], found["status"], found["truncated"]) == (
        "Shop",
        "Tea\nGreen tea",
        200,
        False,
    )
    cut = await output("webBrowse", {"url": "http://h/a", "maxLength": 3, "extractType": "markdown"}, services=SERVICES)
    assert (cut["content"], cut["text"], cut["truncated"], cut["length"]) == ("# T", "Tea", True, 13)
    links = await output("webBrowse", {"url": "http://h/a", "extractType": "links"}, services=SERVICES)
    assert links["content"] == [{"text": "tea", "url": "http://h/more"}]


async def test_what_fails() -> None:
    error = await fail("webBrowse", {"url": "http://h/busy"}, services=SERVICES)
    assert (error.code, error.retryable) == (ErrorCode.HTTP_STATUS, True)
    assert (await fail("webBrowse", {"url": "http://h/none"}, services=SERVICES)).retryable is False
    assert (await fail("webBrowse", {"url": "file:///etc/passwd"})).code == ErrorCode.INVALID_NODE_CONFIG
