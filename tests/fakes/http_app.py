"""A small HTTP server for tests of the http node: echoes, statuses, redirects, slow and broken answers."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route


async def _echo(request: Request) -> Response:
    body = await request.body()
    answer: dict[str, Any] = {
        "method": request.method,
        "query": request.url.query,
        "params": [list(pair) for pair in request.query_params.multi_items()],
        "headers": dict(request.headers),
        "body": body.decode(),
    }
    return JSONResponse(answer)


async def _status(request: Request) -> Response:
    code = int(request.path_params["code"])
    return JSONResponse({"code": code}, status_code=code, headers={"Retry-After": "7"})


async def _slow(request: Request) -> Response:
    await asyncio.sleep(5)
    return PlainTextResponse("late")


async def _broken(request: Request) -> Response:
    return Response(b"short", headers={"Content-Length": "100"})


async def _large(request: Request) -> Response:
    async def blocks() -> Any:
        for _ in range(64):
            yield b"x" * 1024

    return StreamingResponse(blocks(), media_type="text/plain")


async def _redirect(request: Request) -> Response:
    return RedirectResponse("/echo")


async def _to_what_is_signed(request: Request) -> Response:
    return Response(status_code=302, headers={"Location": "/echo?signature=a%2Fb%7E"})


async def _loop(request: Request) -> Response:
    return RedirectResponse("/loop")


async def _text(request: Request) -> Response:
    return PlainTextResponse("plain text")


async def _empty(request: Request) -> Response:
    return Response(status_code=204)


async def _sets_a_cookie(request: Request) -> Response:
    return PlainTextResponse("eat", headers={"Set-Cookie": "session=of-one-customer; Path=/"})


def create_http_app() -> Starlette:
    """The app; every method is allowed on ``/echo``."""
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
    return Starlette(
        routes=[
            Route("/echo", _echo, methods=methods),
            Route("/status/{code:int}", _status, methods=methods),
            Route("/slow", _slow),
            Route("/broken", _broken),
            Route("/large", _large),
            Route("/redirect", _redirect),
            Route("/loop", _loop),
            Route("/to-what-is-signed", _to_what_is_signed),
            Route("/text", _text),
            Route("/cookie", _sets_a_cookie),
            Route("/empty", _empty),
        ]
    )
