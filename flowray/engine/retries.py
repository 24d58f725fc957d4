"""Try again, or not: the decision after a failed attempt. Pure; the delay is a timer, never a sleep."""

from __future__ import annotations

import hashlib

from flowray.engine.signals import NodeError
from flowray.plan import PlanRetry

MAX_LOSSES = 5
"""How often a lost attempt of one instance is started again before the node fails: a node that kills its process
every time would otherwise take workers down for ever."""

MAX_UNSTARTED = 2
"""How often an attempt that nothing has begun in its time is dispatched again before the node fails: somebody else may
have room for it."""


def retry_delay_ms(policy: PlanRetry, tries: int, error: NodeError, seed: str) -> int | None:
    """Milliseconds until the next try, or None if there is none.

    ``tries`` counts the tries made so far, from 1. What the other side asked for (``retry_after_ms``) is honoured even
    above ``max_delay_ms``. Jitter takes up to ``policy.jitter`` of the delay off; it is derived from ``seed``, so that
    the same execution replays the same.
    """
    if tries >= policy.max_attempts:
        return None
    wanted = error.code in policy.codes if policy.codes is not None else error.retryable
    if not wanted:
        return None
    try:
        delay = min(policy.initial_delay_ms * policy.factor ** (tries - 1), policy.max_delay_ms)
    except OverflowError:
        delay = policy.max_delay_ms
    if policy.jitter:
        delay -= delay * policy.jitter * _fraction(f"{seed}#{tries}")
    return max(int(delay), error.retry_after_ms or 0)


def _fraction(seed: str) -> float:
    digest = hashlib.blake2b(seed.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
