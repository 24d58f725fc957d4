"""The service that Restate calls: a process of its own, as Restate's documentation has it. No part of the measuring."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import hypercorn.asyncio
import restate
from hypercorn.config import Config
from lines import Counter

peer = restate.Service("Peer")
ran = Counter()


async def step() -> int:
    """A trivial journalled action."""
    ran.add()
    return 1


@peer.handler("chain")
async def chain(ctx: restate.Context, steps: int) -> int:
    """Each action is awaited, and so journalled, before the next."""
    count = 0
    for _ in range(steps):
        count += await ctx.run_typed("step", step)
    return count


@peer.handler("fan_out")
async def fan_out(ctx: restate.Context, steps: int) -> int:
    """All actions at once."""
    futures = [ctx.run_typed("step", step) for _ in range(steps)]
    done: list[Any] = await restate.gather(*futures)
    return sum([await future for future in done])


@peer.handler("take")
async def take(ctx: restate.Context) -> int:
    """How many actions ran since the last call."""
    return ran.take()


def main(port: str) -> None:
    """Serve until stopped."""
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.h2_max_concurrent_streams = 2147483647
    asyncio.run(hypercorn.asyncio.serve(restate.app(services=[peer]), config))


if __name__ == "__main__":
    main(sys.argv[1])
