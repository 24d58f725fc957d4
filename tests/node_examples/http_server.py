"""What ``httpUrl`` answers for the examples of node types: a few documents by path, and the echoes of the http tests.

Add a document here if an example needs one; it is served at ``/<name>``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tests.fakes.http_app import create_http_app

ORDER = {
    "id": 7,
    "status": "paid",
    "lines": [{"item": "lamp", "price": 400, "quantity": 2}, {"item": "bulb", "price": 5, "quantity": 10}],
}

PAGE = """<!doctype html>
<html lang="en"><head><title>Opening hours</title><meta name="description" content="When we are open"></head>
<body><nav>Home</nav><main><h1>Opening hours</h1><p>We are open from <b>nine</b> to five.</p>
<a href="/orders/7">Order seven</a></main></body></html>
"""

DOCUMENTS: Mapping[str, tuple[str, bytes]] = {
    "orders/7": ("application/json", json.dumps(ORDER).encode()),
    "page": ("text/html; charset=utf-8", PAGE.encode()),
    "people.csv": ("text/csv; charset=utf-8", b"name,age\nAda,36\nAlan,41\n"),
    "note.txt": ("text/plain; charset=utf-8", b"The quick brown fox jumps over the lazy dog.\n"),
}
"""Path without its slash → content type and body."""


def create_example_app() -> Starlette:
    """The server of the examples."""
    routes: list[BaseRoute] = [Route(f"/{path}", _document) for path in DOCUMENTS]
    return Starlette(routes=[*routes, *create_http_app().routes])


async def _document(request: Request) -> Response:
    content_type, body = DOCUMENTS[request.url.path.strip("/")]
    return Response(body, media_type=content_type)
