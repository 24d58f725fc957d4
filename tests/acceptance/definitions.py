"""Definitions and readers of event streams that several acceptance tests share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.integration.definitions import workflow

INPUT = {"type": "input", "config": {"inputName": "x"}}


def output(value: Any, name: str = "y") -> dict[str, Any]:
    """An output node."""
    return {"type": "output", "config": {"outputName": name, "value": value}}


def get(url: str, **more: Any) -> dict[str, Any]:
    """An HTTP node that fails on a bad status."""
    return {"type": "http", "config": {"method": "GET", "url": url, "failOnStatus": True}, **more}


def llm(prompt: str, model: str = "fake-model", **more: Any) -> dict[str, Any]:
    """A language model node; the model's name may ask the fake server for a fault."""
    return {"type": "llm", "config": {"prompt": prompt, "model": model}, **more}


def jsonata(expression: str, **config: Any) -> dict[str, Any]:
    """A transform node."""
    return {"type": "transform", "config": {"operation": "custom", "expression": expression, **config}}


def talk(prompt: str, model: str = "fake-model") -> dict[str, Any]:
    """input → one streaming node → output."""
    nodes = {"in": INPUT, "say": llm(prompt, model), "out": output("{{say.text}}")}
    return workflow("talk", nodes, [("in", "say"), ("say", "out")])


@dataclass(frozen=True)
class Frame:
    """One frame of an event stream; ``raw`` is its text as it came."""

    raw: str
    id: str | None
    event: str
    data: dict[str, Any]


def frames(lines: Iterable[str]) -> Iterator[Frame | str]:
    """The frames of a stream, and its comments as plain text."""
    pending: list[str] = []
    for line in lines:
        if line.startswith(":"):
            yield line
        elif line:
            pending.append(line)
        elif pending:
            fields = dict(part.split(": ", 1) for part in pending)
            raw, pending = "\n".join(pending), []
            if "event" in fields:
                yield Frame(raw, fields.get("id"), fields["event"], json.loads(fields["data"]))
