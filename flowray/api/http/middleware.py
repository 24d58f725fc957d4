"""ASGI middleware around all routes: bounds bodies while they arrive, counts answers. Knows nothing of workflows."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowray.api.http.error_responses import problem_response
from flowray.api.http.metrics import ApiMetrics
from flowray.errors import ErrorCode, FlowrayError


class BodyLimit:
    """Refuses bodies above ``max_bytes`` with 413: at once where their length is announced, else as they grow.

    ``larger``: other limits by path.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, larger: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        max_bytes = self._larger.get(scope["path"], self._max_bytes)
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and int(announced) > max_bytes:
            await problem_response(self._error(max_bytes), {"Connection": "close"})(scope, receive, send)
            return
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > max_bytes:
                    raise self._error(max_bytes)
            return message

        await self._app(scope, bounded, send)

    @staticmethod
    def _error(max_bytes: int) -> FlowrayError:
        return FlowrayError(
            ErrorCode.BODY_TOO_LARGE,
            f"the body is larger than the limit of {max_bytes:,} bytes",
            hint="send large values by reference, or split a batch",
        )


class CountRequests:
    """Counts answers by method, route template and status."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.request_answered(scope["method"], route, status)
