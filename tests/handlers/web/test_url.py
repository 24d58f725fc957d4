"""The url node: every address on its own."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode
from tests.fakes.pages import PAGE, pages
from tests.fakes.services import fake_services
from tests.handlers.running import fail, output

SERVICES = fake_services(
    http=pages(a=(200, "text/html", PAGE), b=(200, "text/plain", b"plain"), c=(500, "text/plain", b""))
)


async def test_one_that_fails_does_not_fail_the_others() -> None:
    urls = ["http://h/a", "http://h/none", "ftp://h/x", None, "http://h/b"]
    found = await output("url", {"urls": urls}, services=SERVICES)
    assert (found["urlCount"], found["successCount"], found["errorCount"]) == (5, 2, 3)
    assert found["text"] == found["combinedContent"] == "Tea\nGreen tea\n\n---\n\nplain"
    assert [page.get("code") for page in found["urls"]] == [
        None,
        "HTTP_STATUS",
        "INVALID_NODE_CONFIG",
        "INVALID_NODE_CONFIG",
        None,
    ]
    assert found["urls"][0]["fetchedAt"] == "2025-06-15T15:06:40Z"
    assert (found["title"], found["urls"][1]["statusCode"]) == ("Shop", 404)


@pytest.mark.parametrize(
    ("config", "inputs"),
    [
        ({"urlVariable": "page"}, {"page": "http://h/a"}),
        ({"urlVariable": "found.url"}, {"found": {"url": "http://h/a"}}),
        ({"urls": "{{page}}"}, {"page": ["http://h/a"]}),
        ({"url": '["http://h/a"]', "timeout": 30_000}, {}),
        ({}, {"urls": [{"url": "http://h/a"}]}),
    ],
)
async def test_where_addresses_come_from(config: dict[str, Any], inputs: dict[str, Any]) -> None:
    found = await output("url", config, inputs=inputs, services=SERVICES)
    assert (found["text"], found["successCount"]) == ("Tea\nGreen tea", 1)


async def test_modes_and_no_addresses() -> None:
    config = {"urls": "http://h/a", "scrapingMode": "markdown", "includeMetadata": False}
    found = await output("url", config, services=SERVICES)
    assert (found["text"], found["title"]) == ("# Tea\n\nGreen [tea](/more)", "")
    assert (await output("url", {"required": False}))["urls"] == []
    assert (await fail("url", {})).code == ErrorCode.INVALID_NODE_CONFIG
    assert (await fail("url", {"urls": ["http://h/a"] * 51})).code == ErrorCode.INVALID_NODE_CONFIG
