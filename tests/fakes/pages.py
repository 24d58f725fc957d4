"""Web pages for tests of what reads the web."""

from __future__ import annotations

from flowray.handlers.services import HttpRequest, HttpResponse
from tests.fakes.services import ScriptedHttp

PAGE = b'<title>Shop</title><nav>Menu</nav><main><h1>Tea</h1><p>Green <a href="/more">tea</a></p></main>'


def pages(**answers: tuple[int, str, bytes]) -> ScriptedHttp:
    """Answers by the last part of the address: ``(status, content type, content)``; 404 for others."""

    def answer(request: HttpRequest) -> HttpResponse:
        status, kind, content = answers.get(request.url.rpartition("/")[2], (404, "text/html", b"<p>none</p>"))
        return HttpResponse(status, "said", {"Content-Type": kind}, content, request.url, 1)

    return ScriptedHttp(answer)
