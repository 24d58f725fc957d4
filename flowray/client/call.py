"""One call of the HTTP API as data, the pieces that calls are made of, and who sends them. Sends nothing.

Used by ``calls`` and by the namespaces that live in modules of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request. ``repeatable``: sending it twice is the same as once, so a lost answer may be asked for again."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True


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


def segment(text: str) -> str:
    """One segment of a path; an instance id is percent-encoded itself and is encoded once more."""
    return quote(text, safe="")


def path(*parts: str) -> str:
    """``/v1/…`` of these parts, each quoted as one."""
    return "/v1/" + "/".join(map(segment, parts))


def given(**values: Any) -> dict[str, Any]:
    """The values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def json_body(value: Any) -> bytes:
    """A body of JSON. Raises TypeError or ValueError for what is none."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_time_text).encode()


def _time_text(value: Any) -> str:
    """A moment, such as the option ``deadline``, as ISO 8601. Raises TypeError for what is no JSON either."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")
