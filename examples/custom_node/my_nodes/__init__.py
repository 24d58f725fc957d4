"""Node types of our own. Each is a typed function: its parameters are the node's config, its docstring its page.

Try them without a server::

    flowray.run(workflow, inputs, nodes=[slug, exchange, tell, simulate])
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from flowray import ErrorCode, FlowrayError, NodeContext, node
from flowray.handlers.services import HttpRequest


@node(effects="none")
def slug(text: str, separator: Literal["-", "_"] = "-", max_length: Annotated[int, Field(gt=0)] = 60) -> str:
    """Make a text fit for an address.

    Args:
        text: Any text.
        separator: What stands between words.
        max_length: In characters.
    """
    words = re.findall(r"[a-z0-9]+", text.lower())
    return separator.join(words)[:max_length].strip(separator)


@node(effects="read", timeout_ms=30_000, retries=3)
async def exchange(amount: float, rate_url: str, ctx: NodeContext) -> dict[str, Any]:
    """Convert an amount by the rate that a service tells.

    Args:
        amount: In the currency that the service converts from.
        rate_url: Answers with JSON that has a number "rate".
    """
    answer = await ctx.services.http.send(HttpRequest("GET", rate_url))
    if answer.status != 200:
        raise FlowrayError(
            ErrorCode.HTTP_STATUS, f"{rate_url} answered {answer.status}", retryable=answer.status >= 500
        )
    rate = float(json.loads(answer.content)["rate"])
    ctx.log("rate", rate=rate)
    return {"amount": round(amount * rate, 2), "rate": rate}


@node
def tell(items: list[str]) -> Iterator[str]:
    """Tell a list as a sentence, word by word, as whoever follows the execution sees it."""
    for position, item in enumerate(items):
        yield item if position == 0 else f" and {item}" if position == len(items) - 1 else f", {item}"


@node(num_cpus=1, runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}}, timeout_ms=600_000)
def simulate(rounds: Annotated[int, Field(gt=0, le=10_000_000)], seed: int = 0) -> dict[str, float]:
    """Estimate pi, in a process and on a CPU of its own: on Ray a task, which can also ask for GPUs."""
    chance = random.Random(seed)
    hits = sum(chance.random() ** 2 + chance.random() ** 2 <= 1 for _ in range(rounds))
    return {"pi": 4 * hits / rounds}
