"""The HTTP server that workflows under test call: some data, some slowness, some failures, and counters of effects."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.example_services import example_reply

USERS = {
    "1": {"id": 1, "name": "Leanne Graham", "email": "Sincere@april.biz", "address": {"city": "Gwenborough"}},
    "2": {"id": 2, "name": "Ervin Howell", "email": "Shanna@melissa.tv", "address": {"city": "Wisokyburgh"}},
    "3": {"id": 3, "name": "Clementine Bauch", "email": "Nathan@yesenia.net", "address": {"city": "McKenziehaven"}},
    "5": {"id": 5, "name": "Chelsey Dietrich", "email": "Lucio_Hettinger@annie.ca", "address": {"city": "Roscoeview"}},
}
REPORT = {"title": "Harvest", "items": [{"name": "apples", "count": 12}, {"name": "pears", "count": 7}]}

SHAKY_FAILURES = 2
"""How often each service of the examples fails in the variant ``shaky`` before it answers."""


class World:
    """Routes and what they remember. ``calls[name]`` are the idempotency keys of the calls of one effect."""

    def __init__(self) -> None:
        self.calls: dict[str, list[str | None]] = defaultdict(list)
        self.in_flight = 0
        self.most_in_flight = 0

    async def user(self, request: Request) -> Response:
        """A user by id, or 404."""
        found = USERS.get(request.path_params["user_id"])
        return JSONResponse(found) if found else JSONResponse({}, status_code=404)

    async def report(self, request: Request) -> Response:
        """A small report."""
        return JSONResponse(REPORT)

    async def slow(self, request: Request) -> Response:
        """Answers after ``ms``; remembers how many such calls were under way at once."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(int(request.query_params.get("ms", "100")) / 1000)
        finally:
            self.in_flight -= 1
        return JSONResponse({"slept": request.query_params.get("ms"), "n": request.query_params.get("n")})

    async def effect(self, request: Request) -> Response:
        """Counts calls by name, with their idempotency keys; slow enough to be killed in the middle."""
        name = request.path_params["name"]
        self.calls[name].append(request.headers.get("idempotency-key"))
        await asyncio.sleep(int(request.query_params.get("ms", "0")) / 1000)
        return JSONResponse({"name": name, "count": len(self.calls[name])})

    async def counted(self, request: Request) -> Response:
        """How often each effect was called, with which keys."""
        return JSONResponse(self.calls)

    async def flaky(self, request: Request) -> Response:
        """Fails ``fail`` times by status 503, then answers."""
        name = request.path_params["name"]
        self.calls[name].append(request.headers.get("idempotency-key"))
        failing = len(self.calls[name]) <= int(request.query_params.get("fail", "1"))
        return JSONResponse({"ok": not failing}, status_code=503 if failing else 200)

    async def big(self, request: Request) -> Response:
        """JSON text of about ``bytes`` bytes."""
        size = int(request.query_params.get("bytes", "1000"))
        return JSONResponse({"blob": "x" * size, "size": size})

    async def most(self, request: Request) -> Response:
        """The highest number of slow calls that were under way together; resets it."""
        most, self.most_in_flight = self.most_in_flight, 0
        return JSONResponse({"most": most})

    async def whoami(self, request: Request) -> Response:
        """The credentials that came."""
        return JSONResponse({"authorization": request.headers.get("authorization")})

    async def example(self, request: Request) -> Response:
        """What the services of the examples answer, in the variant that the path names."""
        variant, path = request.path_params["variant"], "/" + request.path_params["path"]
        if variant == "shaky":
            self.calls[f"shaky{path}"].append(None)
            if len(self.calls[f"shaky{path}"]) <= SHAKY_FAILURES:
                return JSONResponse({"error": "come back"}, status_code=503)
        status, body = example_reply(variant, request.method, path)
        return JSONResponse(body, status_code=status)

    async def echo(self, request: Request) -> Response:
        """What was sent."""
        body = (await request.body()).decode()
        answer: dict[str, Any] = {
            "path": request.url.path,
            "method": request.method,
            "params": dict(request.query_params),
            "body": body,
            "key": request.headers.get("idempotency-key"),
        }
        return JSONResponse(answer)


def create_world() -> Starlette:
    """A new world. Unknown paths echo the request."""
    world = World()
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(
        routes=[
            Route("/users/{user_id}", world.user),
            Route("/report", world.report),
            Route("/slow", world.slow),
            Route("/most", world.most),
            Route("/effect/{name}", world.effect, methods=methods),
            Route("/counted", world.counted),
            Route("/flaky/{name}", world.flaky, methods=methods),
            Route("/big", world.big),
            Route("/whoami", world.whoami),
            Route("/examples/{variant}/{path:path}", world.example, methods=methods),
            Route("/{rest:path}", world.echo, methods=methods),
        ]
    )
