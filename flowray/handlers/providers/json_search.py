"""Searches by an HTTP endpoint that answers JSON: SearXNG, or anything that lists results in a similar shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.search import SearchHit
from flowray.handlers.services import HttpRequest, HttpTransport
from flowray.values import decode_json

_LISTS = ("results", "items", "organic", "organic_results", "hits", "data", "webPages", "value", "web")
_URLS = ("url", "link", "href", "img_src")
_TITLES = ("title", "name")
_SNIPPETS = ("content", "snippet", "description", "text", "body")
_DATES = ("publishedDate", "published_date", "date", "published")


class JsonSearch:
    """``GET url?q=…&format=json&categories=…``, as SearXNG has it; other endpoints ignore what they do not know.

    ``key`` goes out as a bearer token. Only the operator's own endpoint is asked, through the lane's transport.
    """

    def __init__(self, http: HttpTransport, url: str, key: str | None = None) -> None:
        self._http, self._url, self._key = http, url, key

    async def search(self, query: str, kind: str, limit: int, timeout_ms: int) -> Sequence[SearchHit]:
        """As WebSearch says."""
        headers = [("Accept", "application/json")]
        if self._key:
            headers.append(("Authorization", f"Bearer {self._key}"))
        parameters = [("q", query), ("format", "json"), ("categories", kind), ("count", str(limit))]
        request = HttpRequest("GET", self._url, headers=headers, params=parameters, timeout_ms=timeout_ms)
        response = await self._http.send(request)
        if response.status >= 400:
            raise FlowrayError(
                ErrorCode.PROVIDER_AUTH if response.status in (401, 403) else ErrorCode.PROVIDER_ERROR,
                f"the search provider answered {response.status} {response.reason}".rstrip(),
                details={"status": response.status}, retryable=response.status in (429, 500, 502, 503, 504),
                hint="SearXNG answers 403 unless its settings allow the format json",
            )  # fmt: skip
        try:
            found = _list_in(decode_json(response.content))
        except ValueError as error:
            raise FlowrayError(ErrorCode.PROVIDER_ERROR, "the search provider answered no JSON") from error
        return [hit for hit in map(_hit, found) if hit is not None][:limit]


def _list_in(answer: Any) -> list[Any]:
    """The list of results, at whatever name it stands, at most two levels down."""
    for _ in range(3):
        if isinstance(answer, list):
            return answer
        if not isinstance(answer, dict):
            break
        answer = next((answer[name] for name in _LISTS if isinstance(answer.get(name), list | dict)), None)
    raise FlowrayError(
        ErrorCode.PROVIDER_ERROR, "the search provider's answer has no list of results", hint=f"looked at {_LISTS}"
    )


def _hit(item: Any) -> SearchHit | None:
    if not isinstance(item, dict):
        return None
    url = _first(item, _URLS)
    if not url.startswith(("http://", "https://")):
        return None
    return SearchHit(_first(item, _TITLES), url, _first(item, _SNIPPETS), _first(item, _DATES))


def _first(item: dict[str, Any], names: Sequence[str]) -> str:
    return next((str(item[name]) for name in names if item.get(name)), "")
