"""Actor classes, and the one actor of a name. Which actors there are is said in ``pool.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import ray
from ray.actor import ActorHandle

from flowray.runtime.on_ray.config import RuntimeConfig


def actor_class(**options: Any) -> Callable[[type[Any]], Any]:
    """``ray.remote`` with options that its type stubs leave out (``max_concurrency``, ``concurrency_groups``)."""
    decorator: Callable[[type[Any]], Any] = cast(Any, ray.remote)(**options)
    return decorator


def get_or_create(cls: Any, config: RuntimeConfig, name: str, *arguments: Any, **options: Any) -> ActorHandle[Any]:
    """The detached actor of that name. Arguments and options count only if it does not exist yet."""
    handle: ActorHandle[Any] = cls.options(
        name=name, namespace=config.namespace, lifetime="detached", get_if_exists=True, **options
    ).remote(*arguments)
    return handle
