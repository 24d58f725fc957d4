"""The contracts of the types that read the web, against a local HTTP server, and of those that handle files on disk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from flowray.errors import ErrorCode
from flowray.handlers.providers.aiohttp_transport import AiohttpTransport
from flowray.handlers.providers.json_search import JsonSearch
from tests.contracts.contract import Case, Contract, World
from tests.contracts.filing import gives, has_code, on_disk
from tests.fakes.loopback import loopback_server
from tests.fakes.made_documents import pdf_of
from tests.fakes.pages import PAGE


async def _search(request: Request) -> Response:
    """As a SearXNG server answers."""
    if request.query_params["q"] == "forbidden":
        return PlainTextResponse("", 403)
    words = request.query_params["q"].split()
    found = [{"title": word, "url": f"http://h/{word}", "content": f"about {word}"} for word in words]
    return JSONResponse({"query": request.query_params["q"], "results": found})


def _app() -> Starlette:
    pdf = {"content-disposition": 'attachment; filename="paper.pdf"'}
    return Starlette(
        routes=[
            Route("/tea", lambda request: HTMLResponse(PAGE)),
            Route("/plain", lambda request: PlainTextResponse("plain words")),
            Route("/moved", lambda request: RedirectResponse("/tea")),
            Route("/paper", lambda request: Response(pdf_of("Paper"), media_type="application/pdf", headers=pdf)),
            Route("/search", _search),
        ]
    )


@asynccontextmanager
async def _web(cases: Callable[[str, Path], Sequence[Case]]) -> AsyncIterator[World]:
    with loopback_server(_app()) as url:
        http = AiohttpTransport(allow_private=True)
        search = JsonSearch(http, f"{url}/search")
        async with on_disk(lambda folder: cases(url, folder), http=http, search=search) as world:
            try:
                yield world
            finally:
                await http.aclose()


def _url_cases(url: str, folder: Path) -> Sequence[Case]:
    both = {"urls": [f"{url}/moved", f"{url}/plain", f"{url}/none"]}
    return [
        Case("two of three", both, gives(text="Tea\nGreen tea\n\n---\n\nplain words", successCount=2, errorCount=1)),
        Case(
            "a variable",
            {"urlVariable": "page"},
            gives(text="plain words", urlCount=1),
            task={"inputs": {"page": f"{url}/plain"}},
        ),
        Case("none", {}, has_code(ErrorCode.INVALID_NODE_CONFIG), fails=True),
    ]


def _browse_cases(url: str, folder: Path) -> Sequence[Case]:
    return [
        Case("a page", {"url": f"{url}/tea"}, gives(title="Shop", content="Tea\nGreen tea", status=200)),
        Case("a PDF", {"url": f"{url}/paper"}, gives(content="Paper", links=[])),
        Case("no page", {"url": f"{url}/none"}, has_code(ErrorCode.HTTP_STATUS), fails=True),
    ]


def _search_cases(url: str, folder: Path) -> Sequence[Case]:
    one = {"title": "milk", "url": "http://h/milk", "snippet": "about milk", "content": "about milk"}
    return [
        Case("two words", {"query": "tea milk"}, gives(query="tea milk", resultCount=2)),
        Case("one result", {"query": "milk tea", "maxResults": 1}, gives(results=[one])),
        Case("refused", {"query": "forbidden"}, has_code(ErrorCode.PROVIDER_AUTH), fails=True),
    ]


def _download_cases(url: str, folder: Path) -> Sequence[Case]:
    def kept(path: str, size: int) -> Any:
        def check(output: Any) -> None:
            assert (output["path"], output["size"]) == (path, size)
            assert (folder / path).stat().st_size == size

        return check

    return [
        Case("by its own name", {"url": f"{url}/paper"}, kept("downloads/paper.pdf", len(pdf_of("Paper")))),
        Case("by another", {"url": f"{url}/plain", "filename": "in/words.txt"}, kept("in/words.txt", 11)),
        Case("too large", {"url": f"{url}/plain", "maxSize": 5}, has_code(ErrorCode.FILE_LIMIT_EXCEEDED), fails=True),
    ]


def _read_cases(folder: Path) -> Sequence[Case]:
    return [
        Case("text", {"path": "a.txt"}, gives(content="one", size=3)),
        Case("JSON", {"path": "in/b.json", "parseJson": True}, gives(content={"a": 1}, mimeType="application/json")),
        Case("none", {"path": "c"}, has_code(ErrorCode.NOT_FOUND), fails=True),
        Case("outside", {"path": "../a.txt"}, has_code(ErrorCode.FORBIDDEN), fails=True),
    ]


def _write_cases(folder: Path) -> Sequence[Case]:
    def wrote(path: str, data: bytes) -> Any:
        def check(output: Any) -> None:
            assert output["path"] == path
            assert (folder / path).read_bytes() == data

        return check

    return [
        Case("text", {"path": "/out/x.txt", "content": "é"}, wrote("out/x.txt", "é".encode())),
        Case("bytes", {"path": "y", "content": "AAE=", "encoding": "base64"}, wrote("y", b"\0\1")),
        Case("outside", {"path": "a/../../x", "content": ""}, has_code(ErrorCode.FORBIDDEN), fails=True),
    ]


def _operation_cases(folder: Path) -> Sequence[Case]:
    def gone(output: Any) -> None:
        assert output["deleted"] is True
        assert not (folder / "copy.txt").exists()

    return [
        Case("list", {"operation": "list"}, gives(count=2)),
        Case(
            "copy",
            {"operation": "copy", "path": "a.txt", "destination": "copy.txt"},
            gives(filePath="copy.txt", size=3),
        ),
        Case("read", {"operation": "read", "filePath": "copy.txt"}, gives(content="one")),
        Case("parse", {"operation": "parseJSON", "filePath": "in/b.json"}, gives(content={"a": 1})),
        Case("delete", {"operation": "delete", "path": "copy.txt"}, gone),
        Case("none", {"operation": "read", "path": "copy.txt"}, has_code(ErrorCode.NOT_FOUND), fails=True),
    ]


FILES = {"a.txt": b"one", "in/b.json": b'{"a": 1}'}
SERVER = "a local HTTP server"

CONTRACTS = [
    Contract("url", SERVER, lambda: _web(_url_cases)),
    Contract("webBrowse", SERVER, lambda: _web(_browse_cases)),
    Contract("webSearch", "a local HTTP server that answers as SearXNG does", lambda: _web(_search_cases)),
    Contract("fileDownload", SERVER, lambda: _web(_download_cases)),
    Contract("fileRead", "files on disk", lambda: on_disk(_read_cases, FILES)),
    Contract("fileWrite", "files on disk", lambda: on_disk(_write_cases)),
    Contract("fileOperations", "files on disk", lambda: on_disk(_operation_cases, FILES)),
]
