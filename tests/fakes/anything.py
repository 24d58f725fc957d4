"""An HTTP server that answers whatever real workflows call: JSON that says what was asked, XML where that is usual."""

from __future__ import annotations

from datetime import UTC, datetime

from fpdf import FPDF
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]

ATOM = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>results</title>
<entry><id>1</id><title>A first paper</title><summary>About orchards.</summary><link href="{base}at/paper.pdf"/>
<link href="{base}at/paper.pdf"/></entry>
<entry><id>2</id><title>A second paper</title><summary>About meadows.</summary></entry>
</feed>"""

PAGE = "<html><head><title>A page</title></head><body><h1>Orchards</h1><p>Apples and pears.</p></body></html>"


def small_pdf(text: str) -> bytes:
    """One page with one line; the same bytes each time."""
    document = FPDF()
    document.set_creation_date(datetime(2026, 1, 1, tzinfo=UTC))
    document.add_page()
    document.set_font("helvetica", size=18)
    document.cell(text=text)
    return bytes(document.output())


async def _answer(request: Request) -> Response:
    path = request.path_params["path"]
    if "arxiv" in path:
        return Response(ATOM.format(base=request.base_url), media_type="application/atom+xml")
    if path.endswith(".pdf"):
        return Response(small_pdf("Invoice 123, Amount: $10.00"), media_type="application/pdf")
    if path.endswith((".html", "/page")):
        return Response(PAGE, media_type="text/html")
    items = [{"id": 1, "name": "first", "status": "active"}, {"id": 2, "name": "second", "status": "open"}]
    return JSONResponse({"ok": True, "path": f"/{path}", "method": request.method, "items": items, "results": items})


def create_anything() -> Starlette:
    """The app; every path and method is answered with 200."""
    return Starlette(routes=[Route("/{path:path}", _answer, methods=METHODS)])
