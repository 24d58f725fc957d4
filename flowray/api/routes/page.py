"""The page at ``/`` and its files, served where no route matches. Whatever else nobody answers is a 404 problem."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send


def page_or_not_found(directory: Path) -> ASGIApp:
    """An ASGI app: GET and HEAD outside /v1 serve files below ``directory``, with index.html at ``/``."""
    files = StaticFiles(directory=directory, html=True, check_dir=False)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        of_api = scope["path"] == "/v1" or scope["path"].startswith("/v1/")
        if scope["method"] not in ("GET", "HEAD") or of_api:
            raise HTTPException(404)
        await files(scope, receive, send)

    return serve
