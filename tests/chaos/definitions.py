"""What the clients of a chaos run start: small workflows with counted effects. Not what the clients do then."""

from __future__ import annotations

from typing import Any

from tests.durability.effects import Effects
from tests.integration.definitions import effects_chain, workflow

STEPS = 4
QUEUE = "chaos"
AT_A_TIME, PER_KEY = 2, 1
"""Limits of the queue."""

LIMIT = "chaos"
"""The named limit that ``limited`` is under."""

EVENT = "chaos.told"


def effect(effects: Effects, name: str, ms: int = 30) -> dict[str, Any]:
    """An http node that has an effect."""
    config = {"method": "POST", "url": effects.url(name, ms=ms), "failOnStatus": True}
    return {"type": "http", "config": config}


def output(value: str) -> dict[str, Any]:
    """The output ``last``."""
    return {"type": "output", "config": {"outputName": "last", "value": value, "format": "string"}}


def start() -> dict[str, Any]:
    """The input that nobody gives."""
    return {"type": "input", "config": {"inputName": "seed"}}


def chain(effects: Effects, prefix: str) -> dict[str, Any]:
    """Effects one after the other."""
    return effects_chain(effects.base_url, STEPS, ms=30, prefix=prefix)


def long_chain(effects: Effects, prefix: str) -> dict[str, Any]:
    """A chain that can be stopped on its way."""
    return effects_chain(effects.base_url, 12, ms=200, prefix=prefix)


def short_chain(effects: Effects, prefix: str) -> dict[str, Any]:
    """Two effects."""
    return effects_chain(effects.base_url, 2, ms=30, prefix=prefix)


def queued(effects: Effects, prefix: str) -> dict[str, Any]:
    """A short chain that stands in a queue with limits."""
    limits = {"name": QUEUE, "maxConcurrent": AT_A_TIME, "maxPerKey": PER_KEY}
    return {**short_chain(effects, prefix), "settings": {"queue": limits}}


def fan(effects: Effects, prefix: str) -> dict[str, Any]:
    """Effects side by side."""
    nodes: dict[str, Any] = {
        "start": start(),
        "join": {"type": "variable", "config": {"variableName": "x", "value": 1}},
    }
    edges: list[tuple[str, ...]] = []
    for number in range(STEPS):
        nodes[f"part-{number}"] = effect(effects, f"{prefix}-{number}")
        edges += [("start", f"part-{number}"), (f"part-{number}", "join")]
    nodes["end"] = output("{{part-0.data.name}}")
    return workflow("chaos fan", nodes, [*edges, ("join", "end")])


def limited(effects: Effects, prefix: str) -> dict[str, Any]:
    """Effects side by side, all under a named limit."""
    made = fan(effects, prefix)
    for name, node in made["nodes"].items():
        if name.startswith("part-"):
            node["limits"] = [LIMIT]
    return made


def long_task(effects: Effects, prefix: str) -> dict[str, Any]:
    """An effect in a process of its own, which nothing says is short, between two others."""
    made = effects_chain(effects.base_url, 3, ms=30, prefix=prefix)
    made["nodes"]["step-01"] |= {**effect(effects, f"{prefix}-01", ms=1_500), "execution": {"lane": "task"}}
    return made


def loop(effects: Effects, prefix: str) -> dict[str, Any]:
    """One effect for each turn of a loop."""
    nodes = {
        "start": start(),
        "each": {"type": "loop", "config": {"loopType": "for", "count": STEPS}},
        "call": effect(effects, f"{prefix}-{{{{loop.index}}}}"),
        "end": output("{{call.data.name}}"),
    }
    edges = [("start", "each"), ("each", "call", "loop-body"), ("call", "each"), ("each", "end", "loop-exit")]
    return workflow("chaos loop", nodes, edges)


def talk(effects: Effects, prefix: str) -> dict[str, Any]:
    """A language model that streams its words."""
    words = f"{prefix}: " + " ".join(f"word{number}" for number in range(40))
    node = {"type": "llm", "config": {"provider": "openai", "model": "fake-slow", "prompt": words}}
    return _then_told(effects, prefix, "talk", node, "told")


def ask(effects: Effects, prefix: str) -> dict[str, Any]:
    """A question between two effects."""
    nodes = {
        "start": start(),
        "before": effect(effects, f"{prefix}-before"),
        "ask": {"type": "pause", "config": {"reason": "chaos"}},
        "after": effect(effects, f"{prefix}-after"),
        "end": output("{{after.data.name}}"),
    }
    edges = [("start", "before"), ("before", "ask"), ("ask", "after"), ("after", "end")]
    return workflow("chaos ask", nodes, edges)


def sleep(effects: Effects, prefix: str) -> dict[str, Any]:
    """A wait for a time."""
    return _then_told(effects, prefix, "sleep", {"type": "wait", "config": {"duration": 3_000}})


def call(effects: Effects, prefix: str) -> dict[str, Any]:
    """Another execution, and then an effect."""
    return _then_told(
        effects, prefix, "call", {"type": "subworkflow", "config": {"definition": chain(effects, prefix)}}
    )


def await_shared(effects: Effects, prefix: str) -> dict[str, Any]:
    """A wait for the shared waitpoint of that name."""
    return _then_told(
        effects, prefix, "wait", {"type": "wait", "config": {"waitType": "waitpoint", "sharedName": prefix}}
    )


def await_event(effects: Effects, prefix: str) -> dict[str, Any]:
    """A wait for the event of that name."""
    node = {"type": "wait", "config": {"waitType": "event", "event": prefix}}
    return _then_told(effects, prefix, "wait", node)


def triggered(effects: Effects, **config: Any) -> dict[str, Any]:
    """A workflow with a trigger node; ``config`` is its."""
    nodes = {
        "start": {"type": "trigger", "config": config},
        "tell": effect(effects, f"by-{config['triggerType']}"),
        "end": output("{{tell.data.name}}"),
    }
    return workflow(f"chaos {config['triggerType']}", nodes, [("start", "tell"), ("tell", "end")])


def _then_told(effects: Effects, prefix: str, name: str, node: dict[str, Any], told: str = "after") -> dict[str, Any]:
    nodes = {
        "start": start(),
        name: node,
        "tell": effect(effects, f"{prefix}-{told}"),
        "end": output("{{tell.data.name}}"),
    }
    return workflow(f"chaos {name}", nodes, [("start", name), (name, "tell"), ("tell", "end")])
