"""The webSearch node."""

from __future__ import annotations

from collections.abc import Sequence

from flowray.errors import ErrorCode
from flowray.handlers.search import SearchHit
from tests.fakes.services import fake_services
from tests.handlers.running import fail, output


class _Search:
    async def search(self, query: str, kind: str, limit: int, timeout_ms: int) -> Sequence[SearchHit]:
        return [SearchHit(f"{query} {kind}", "http://h/1", "about", "2025"), SearchHit("b", "http://h/2")][:limit]


async def test_results() -> None:
    services = fake_services(search=_Search())
    found = await output("webSearch", {"query": "tea", "searchType": "news"}, services=services)
    assert found["results"][0] == {
        "title": "tea news", "url": "http://h/1", "snippet": "about", "content": "about", "publishedDate": "2025",
    }  # fmt: skip
    assert (found["query"], found["resultCount"]) == ("tea", 2)
    assert (await output("webSearch", {"q": "tea", "limit": 1, "type": "web"}, services=services))["resultCount"] == 1


async def test_without_a_provider() -> None:
    error = await fail("webSearch", {"query": "tea"})
    assert (error.code, "FLOWRAY_SEARCH_URL" in (error.hint or "")) == (ErrorCode.CONFIGURATION, True)
    assert (await fail("webSearch", {"query": ""})).code == ErrorCode.INVALID_NODE_CONFIG
    assert (await fail("webSearch", {"query": "a", "maxResults": 21})).code == ErrorCode.INVALID_NODE_CONFIG
