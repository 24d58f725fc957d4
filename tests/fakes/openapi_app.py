"""A real FastAPI server with its own OpenAPI document: parameters in every place, JSON and form bodies, credentials."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Cookie, Depends, FastAPI, Form, Header, HTTPException, Query
from fastapi.security import APIKeyCookie, APIKeyHeader, APIKeyQuery, HTTPBasic, HTTPBasicCredentials, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from pydantic import BaseModel

KEY = "the-key-of-the-test"

in_header = APIKeyHeader(name="X-Own-Key")
in_query = APIKeyQuery(name="own_key")
in_cookie = APIKeyCookie(name="own_session")


class Part(BaseModel):
    """A part has parts: the schema refers to itself."""

    name: str
    parts: list[Part] = []


class Order(BaseModel):
    customer: str
    amount: int
    note: str | None = None
    root: Part | None = None


def _checked(given: str) -> None:
    if given != KEY:
        raise HTTPException(403, "the key is wrong")


def create_openapi_app() -> FastAPI:
    """The app. ``/openapi.json`` describes it."""
    app = FastAPI(title="Orders", version="1")

    @app.get("/places/{one}/{two}", operation_id="places")
    async def places(
        one: str, two: int, tag: Annotated[list[str], Query()], x_trace: Annotated[str, Header()],
        flavour: Annotated[str, Cookie()], limit: int = 5,
    ) -> dict[str, Any]:  # fmt: skip
        return {"one": one, "two": two, "tag": tag, "trace": x_trace, "flavour": flavour, "limit": limit}

    @app.post("/orders", operation_id="createOrder", status_code=201)
    async def create_order(order: Order, key: Annotated[str, Depends(in_header)]) -> dict[str, Any]:
        _checked(key)
        return {"id": "o-1", **order.model_dump()}

    @app.post("/batches", operation_id="createBatch")
    async def create_batch(orders: list[Order]) -> int:
        return len(orders)

    @app.post("/login", operation_id="logIn")
    async def log_in(user: Annotated[str, Form()], remember: Annotated[bool, Form()] = False) -> dict[str, Any]:
        return {"user": user, "remember": remember}

    @app.get("/by-query", operation_id="byQuery")
    async def by_query(key: Annotated[str, Depends(in_query)]) -> bool:
        _checked(key)
        return True

    @app.get("/by-cookie", operation_id="byCookie")
    async def by_cookie(key: Annotated[str, Depends(in_cookie)]) -> bool:
        _checked(key)
        return True

    @app.get("/by-basic", operation_id="byBasic")
    async def by_basic(given: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> str:
        _checked(given.password)
        return given.username

    @app.get("/by-bearer", operation_id="byBearer")
    async def by_bearer(given: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> bool:
        _checked(given.credentials)
        return True

    return app
