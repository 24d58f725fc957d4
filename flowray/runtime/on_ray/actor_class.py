"""``ray.remote`` with options that its type stubs leave out (``max_concurrency``, ``concurrency_groups``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import ray


def actor_class(**options: Any) -> Callable[[type[Any]], Any]:
    """A decorator that makes a Ray actor class with these options."""
    decorator: Callable[[type[Any]], Any] = cast(Any, ray.remote)(**options)
    return decorator
