"""Searching the web, as handlers see it: a provider that the operator chose. None is built in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flowray.errors import ErrorCode, FlowrayError


@dataclass(frozen=True)
class SearchHit:
    """One result. ``published`` as the provider says it."""

    title: str
    url: str
    snippet: str = ""
    published: str = ""

    def as_json(self) -> dict[str, Any]:
        """With ``content`` beside ``snippet``, since workflows read both."""
        found = {"title": self.title, "url": self.url, "snippet": self.snippet, "content": self.snippet}
        return {**found, "publishedDate": self.published} if self.published else found


class WebSearch(Protocol):
    """Raises CONFIGURATION where there is no provider, PROVIDER_ERROR or PROVIDER_AUTH for what it answers."""

    async def search(self, query: str, kind: str, limit: int, timeout_ms: int) -> Sequence[SearchHit]:
        """At most ``limit``, best first; ``kind`` is ``general``, ``news`` or ``images``."""
        ...


class NoWebSearch:
    """Of a server whose operator chose no provider."""

    async def search(self, query: str, kind: str, limit: int, timeout_ms: int) -> Sequence[SearchHit]:
        raise FlowrayError(
            ErrorCode.CONFIGURATION, "no provider of web searches is set up",
            hint="set FLOWRAY_SEARCH_URL to a SearXNG server (http://host:8080/search), or to an endpoint that answers "
            "JSON with results",
        )  # fmt: skip
