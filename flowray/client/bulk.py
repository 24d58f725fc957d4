"""Calls about many executions at once, for both clients. Each goes through all pages by itself."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from flowray import wire
from flowray.client import filters
from flowray.client.call import JSON, AsyncSender, Call, Sender, given, json_body, path, reading


def bulk_page(
    verb: str, wanted: Mapping[str, Any], fields: Mapping[str, Any], cursor: str | None, key: str | None
) -> Call[wire.BulkResult]:
    """One page. Repeatable: a cancellation is, and with a key a rerun is, too."""
    body = {"filter": filters.body(wanted), **given(**fields, cursor=cursor)}
    headers = JSON if key is None else {**JSON, "Idempotency-Key": key}
    return Call("POST", path("executions", verb), reading(wire.BulkResult), {}, json_body(body), headers)


class Bulk:
    """Calls about many executions. ``filter``: the fields of ``wire.ExecutionFilter``, as for ``executions.list``."""

    def __init__(self, client: Sender) -> None:
        self._client = client

    def cancel(
        self, filter: Mapping[str, Any], *, reason: str | None = None, dry_run: bool = False, limit: int = 200
    ) -> Iterator[wire.BulkItem]:
        """Ask all that the filter fits to stop; yields what became of each, page by page. Repeating it is safe."""
        fields = {"reason": reason, "dry_run": dry_run, "limit": limit}
        return self._all("cancel", filter, fields, None)

    def rerun(
        self,
        filter: Mapping[str, Any],
        *,
        failed_only: bool = False,
        idempotency_key: str | None = None,
        dry_run: bool = False,
        limit: int = 50,
    ) -> Iterator[wire.BulkItem]:
        """Run all that the filter fits again; yields what became of each, page by page."""
        fields = {"failed_only": failed_only, "dry_run": dry_run, "limit": limit}
        return self._all("rerun", filter, fields, idempotency_key or uuid.uuid4().hex)

    def _all(
        self, verb: str, wanted: Mapping[str, Any], fields: Mapping[str, Any], key: str | None
    ) -> Iterator[wire.BulkItem]:
        cursor: str | None = None
        while True:
            page = self._client.send(bulk_page(verb, wanted, fields, cursor, key))
            yield from page.data
            cursor = page.next_cursor
            if cursor is None:
                return


class AsyncBulk:
    """As ``Bulk``."""

    def __init__(self, client: AsyncSender) -> None:
        self._client = client

    def cancel(
        self, filter: Mapping[str, Any], *, reason: str | None = None, dry_run: bool = False, limit: int = 200
    ) -> AsyncIterator[wire.BulkItem]:
        """Ask all that the filter fits to stop; yields what became of each, page by page. Repeating it is safe."""
        fields = {"reason": reason, "dry_run": dry_run, "limit": limit}
        return self._all("cancel", filter, fields, None)

    def rerun(
        self,
        filter: Mapping[str, Any],
        *,
        failed_only: bool = False,
        idempotency_key: str | None = None,
        dry_run: bool = False,
        limit: int = 50,
    ) -> AsyncIterator[wire.BulkItem]:
        """Run all that the filter fits again; yields what became of each, page by page."""
        fields = {"failed_only": failed_only, "dry_run": dry_run, "limit": limit}
        return self._all("rerun", filter, fields, idempotency_key or uuid.uuid4().hex)

    async def _all(
        self, verb: str, wanted: Mapping[str, Any], fields: Mapping[str, Any], key: str | None
    ) -> AsyncIterator[wire.BulkItem]:
        cursor: str | None = None
        while True:
            page = await self._client.send(bulk_page(verb, wanted, fields, cursor, key))
            for item in page.data:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return
