"""What the clients of a chaos run do: kinds of executions, how a client behaves with each, and what must come of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flowray import wire
from flowray.client import Client
from flowray.errors import ErrorCode, FlowrayError
from tests.durability.effects import Effects
from tests.integration.definitions import effects_chain, workflow

ANSWERED = {"completed"}
STEPS = 4


@dataclass
class Asked:
    """One execution whose start was acknowledged, and what else its client was told.

    ``may_end``: the statuses that it may end with. ``answers``: acknowledged completions by waitpoint id. ``seen``:
    events that a stream brought, by seq.
    """

    id: str
    kind: str
    prefix: str
    may_end: set[str]
    outputs: dict[str, Any] | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    seen: dict[int, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Workload:
    """A kind of execution. ``behave`` is what its client does after the start; it may be cut short by errors."""

    kind: str
    definition: Callable[[Effects, str], dict[str, Any]]
    behave: Callable[[Client, Asked, random.Random], None]
    outputs: Callable[[str], dict[str, Any]] | None = None


def _effect(effects: Effects, name: str, ms: int = 30) -> dict[str, Any]:
    config = {"method": "POST", "url": effects.url(name, ms=ms), "failOnStatus": True}
    return {"type": "http", "config": config}


def _output(value: str) -> dict[str, Any]:
    return {"type": "output", "config": {"outputName": "last", "value": value, "format": "string"}}


def _input() -> dict[str, Any]:
    return {"type": "input", "config": {"inputName": "seed"}}


def _chain(effects: Effects, prefix: str) -> dict[str, Any]:
    return effects_chain(effects.base_url, STEPS, ms=30, prefix=prefix)


def _fan(effects: Effects, prefix: str) -> dict[str, Any]:
    nodes: dict[str, Any] = {
        "start": _input(),
        "join": {"type": "variable", "config": {"variableName": "x", "value": 1}},
    }
    edges: list[tuple[str, ...]] = []
    for number in range(STEPS):
        nodes[f"part-{number}"] = _effect(effects, f"{prefix}-{number}")
        edges += [("start", f"part-{number}"), (f"part-{number}", "join")]
    nodes["end"] = _output("{{part-0.data.name}}")
    return workflow("chaos fan", nodes, [*edges, ("join", "end")])


def _each(effects: Effects, prefix: str) -> dict[str, Any]:
    nodes = {
        "start": _input(),
        "each": {"type": "loop", "config": {"loopType": "for", "count": STEPS}},
        "call": _effect(effects, f"{prefix}-{{{{loop.index}}}}"),
        "end": _output("{{call.data.name}}"),
    }
    edges = [("start", "each"), ("each", "call", "loop-body"), ("call", "each"), ("each", "end", "loop-exit")]
    return workflow("chaos loop", nodes, edges)


def _talk(effects: Effects, prefix: str) -> dict[str, Any]:
    words = f"{prefix}: " + " ".join(f"word{number}" for number in range(40))
    nodes = {
        "start": _input(),
        "talk": {"type": "llm", "config": {"provider": "openai", "model": "fake-slow", "prompt": words}},
        "tell": _effect(effects, f"{prefix}-told"),
        "end": _output("{{tell.data.name}}"),
    }
    return workflow("chaos talk", nodes, [("start", "talk"), ("talk", "tell"), ("tell", "end")])


def _ask(effects: Effects, prefix: str) -> dict[str, Any]:
    nodes = {
        "start": _input(),
        "before": _effect(effects, f"{prefix}-before"),
        "ask": {"type": "pause", "config": {"reason": "chaos"}},
        "after": _effect(effects, f"{prefix}-after"),
        "end": _output("{{after.data.name}}"),
    }
    edges = [("start", "before"), ("before", "ask"), ("ask", "after"), ("after", "end")]
    return workflow("chaos ask", nodes, edges)


def _sleep(effects: Effects, prefix: str) -> dict[str, Any]:
    nodes = {
        "start": _input(),
        "sleep": {"type": "wait", "config": {"duration": 3_000}},
        "after": _effect(effects, f"{prefix}-after"),
        "end": _output("{{after.data.name}}"),
    }
    return workflow("chaos sleep", nodes, [("start", "sleep"), ("sleep", "after"), ("after", "end")])


def _call(effects: Effects, prefix: str) -> dict[str, Any]:
    nodes = {
        "start": _input(),
        "call": {"type": "subworkflow", "config": {"definition": _chain(effects, prefix)}},
        "after": _effect(effects, f"{prefix}-after"),
        "end": _output("{{after.data.name}}"),
    }
    return workflow("chaos call", nodes, [("start", "call"), ("call", "after"), ("after", "end")])


def _long(effects: Effects, prefix: str) -> dict[str, Any]:
    return effects_chain(effects.base_url, 12, ms=200, prefix=prefix)


def as_seen(event: wire.EventBody) -> dict[str, Any]:
    """An event as clients see it: the same for streams and pages."""
    return event.model_dump(mode="json", exclude_unset=True)


# -- how clients behave -------------------------------------------------------------------------------------------


def _leave(client: Client, asked: Asked, chance: random.Random) -> None:
    """Start and go away."""


def _stream(client: Client, asked: Asked, chance: random.Random) -> None:
    """Follow the stream to its end, across every broken connection; note each event."""
    for event in client.stream_events(asked.id):
        seen = as_seen(event)
        if event.seq in asked.seen:
            asked.seen[-event.seq] = seen  # doubled: the check finds a seq that no log has
        asked.seen[event.seq] = seen


def _answer(client: Client, asked: Asked, chance: random.Random) -> None:
    """Wait for the question, then answer it; sometimes twice, with different words."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = client.waitpoints.list(execution_id=asked.id).data
        if found:
            break
        time.sleep(0.2)
    else:
        return
    waitpoint = found[0]
    for words in (["yes"], ["yes", "no"])[chance.random() < 0.3]:
        completion = client.waitpoints.complete(waitpoint.token, words)
        asked.answers[waitpoint.waitpoint_id] = completion.data


def _cancel(client: Client, asked: Asked, chance: random.Random) -> None:
    """Stop it somewhere on its way; what was acknowledged stays so."""
    time.sleep(chance.uniform(0, 2.5))
    try:
        client.executions.cancel(asked.id)
    except FlowrayError as error:
        if error.code is ErrorCode.EXECUTION_ENDED:
            asked.may_end = {"completed"}
        return
    asked.may_end = {"cancelled"}


def _interrupt(client: Client, asked: Asked, chance: random.Random) -> None:
    """Pause it, look away, let it go on."""
    time.sleep(chance.uniform(0, 1.5))
    try:
        client.executions.pause(asked.id)
        time.sleep(chance.uniform(0, 3))
    finally:
        _resume(client, asked)


def _resume(client: Client, asked: Asked) -> None:
    """Whether the pause was taken or not: it must not stay paused for want of a word."""
    while True:
        try:
            execution: wire.Execution = client.executions.resume(asked.id)
        except FlowrayError as error:
            if error.code in (ErrorCode.EXECUTION_ENDED, ErrorCode.CONFLICT):
                return
            time.sleep(0.5)
            continue
        if execution.status != "paused":
            return
        time.sleep(0.2)


WORKLOADS = (
    Workload("leave", _chain, _leave, lambda prefix: {"last": f"{prefix}-{STEPS - 1:02d}"}),
    Workload("fan", _fan, _stream, lambda prefix: {"last": f"{prefix}-0"}),
    Workload("loop", _each, _leave, lambda prefix: {"last": f"{prefix}-{STEPS - 1}"}),
    Workload("talk", _talk, _stream, lambda prefix: {"last": f"{prefix}-told"}),
    Workload("answer", _ask, _answer, lambda prefix: {"last": f"{prefix}-after"}),
    Workload("sleep", _sleep, _leave, lambda prefix: {"last": f"{prefix}-after"}),
    Workload("call", _call, _stream, lambda prefix: {"last": f"{prefix}-after"}),
    Workload("cancel", _long, _cancel),
    Workload("interrupt", _chain, _interrupt, lambda prefix: {"last": f"{prefix}-{STEPS - 1:02d}"}),
)
