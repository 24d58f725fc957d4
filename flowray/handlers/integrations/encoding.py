"""Parameters as text: in paths, queries and forms. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlencode

from flowray.errors import ErrorCode, FlowrayError
from flowray.values import Json, encode_json


def text(value: Json) -> str:
    """A scalar as it is written in a URL; JSON for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else encode_json(value).decode()


def segment(value: Json, name: str) -> str:
    """One segment of a path. Raises INVALID_NODE_CONFIG for an empty one, or one that would lead elsewhere."""
    written = text(value)
    if written in ("", ".", ".."):
        raise FlowrayError(ErrorCode.INVALID_NODE_CONFIG, f"the parameter {name!r} cannot be {written!r}")
    return quote(written, safe="")


def query(values: Mapping[str, Json]) -> list[tuple[str, str]]:
    """Lists repeat their name; null is left out."""
    return [
        (name, text(item))
        for name, value in values.items()
        for item in (value if isinstance(value, list) else [value])
        if item is not None
    ]


def form(values: Json) -> bytes:
    """``a[b]=1&c[0]=2``: nested values as the form encoding of many APIs has them."""
    return urlencode(list(_flat("", values))).encode()


def _flat(name: str, value: Json) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(f"{name}[{key}]" if name else key, item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _flat(f"{name}[{index}]", item)
    elif value is not None:
        yield name, text(value)
