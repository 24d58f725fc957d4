"""An HTTP server that answers whatever real workflows call: JSON that says what was asked, XML where that is usual."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]

ATOM = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>results</title>
<entry><id>1</id><title>A first paper</title><summary>About orchards.</summary></entry>
<entry><id>2</id><title>A second paper</title><summary>About meadows.</summary></entry>
</feed>"""

PAGE = "<html><head><title>A page</title></head><body><h1>Orchards</h1><p>Apples and pears.</p></body></html>"


async def _answer(request: Request) -> Response:
    path = request.path_params["path"]
    if "arxiv" in path:
        return Response(ATOM, media_type="application/atom+xml")
    if path.endswith((".html", "/page")):
        return Response(PAGE, media_type="text/html")
    items = [{"id": 1, "name": "first", "status": "active"}, {"id": 2, "name": "second", "status": "open"}]
    return JSONResponse({"ok": True, "path": f"/{path}", "method": request.method, "items": items, "results": items})


def create_anything() -> Starlette:
    """The app; every path and method is answered with 200."""
    return Starlette(routes=[Route("/{path:path}", _answer, methods=METHODS)])
