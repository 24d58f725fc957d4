"""Parts of a client's namespaces that live in modules of their own: who sends for them, and how calls are made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from flowray.client.calls import Call

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class Sender(Protocol):
    """The synchronous client."""

    def send(self, call: Call[T]) -> T: ...


class AsyncSender(Protocol):
    """The asynchronous client."""

    async def send(self, call: Call[T]) -> T: ...


def reading(model: type[M]) -> Callable[[httpx.Response], M]:
    """Reads an answer as ``model``."""

    def read(response: httpx.Response) -> M:
        return model.model_validate_json(response.content)

    return read


def nothing(_response: httpx.Response) -> None:
    """Reads an answer without a body."""


def path(*parts: str) -> str:
    """``/v1/…`` of these parts, each quoted as one."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def given(**values: Any) -> dict[str, Any]:
    """The values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def json_body(value: Mapping[str, Any]) -> bytes:
    """A body of JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
