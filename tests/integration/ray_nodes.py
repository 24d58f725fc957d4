"""Node types that use Ray themselves: what the lanes of ``test_own_nodes`` load by FLOWRAY_NODES."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from typing import Any

from flowray import NodeContext, node

SERVE_APP = "greeter"


MEMORY = 64 * 1024 * 1024


@node(num_cpus=0.25, memory=MEMORY, runtime_env={"env_vars": {"MY_MODE": "careful"}}, effects="none")
def look_around() -> dict[str, Any]:
    """What a task of its own has of what was asked for."""
    ray = importlib.import_module("ray")
    resources = ray.get_runtime_context().get_assigned_resources()
    return {
        "pid": os.getpid(),
        "mode": os.environ.get("MY_MODE"),
        "resources": {name: float(amount) for name, amount in resources.items()},
    }


@node(lane="task", effects="read")
def total_of_squares(upto: int) -> int:
    """A pipeline of Ray Data inside a node."""
    data = importlib.import_module("ray.data")
    data.DataContext.get_current().enable_progress_bars = False
    rows = data.range(upto, override_num_blocks=2).map(lambda row: {"square": row["id"] * row["id"]})
    return int(rows.sum("square"))


@node(effects="read")
async def greet_by_serve(name: str, ctx: NodeContext) -> str:
    """A call of a Ray Serve deployment from the io lane."""
    handle = importlib.import_module("ray.serve").get_app_handle(SERVE_APP)
    greeting: str = await handle.remote(name)
    ctx.log("greeted")
    return greeting


@node(retries=2)
def succeed_at_last(ctx: NodeContext) -> int:
    """Fails twice."""
    if ctx.attempt < 3:
        raise ConnectionError(f"attempt {ctx.attempt}")
    return ctx.attempt


@node
def spell(word: str) -> Iterator[str]:
    """Letter by letter."""
    yield from word
