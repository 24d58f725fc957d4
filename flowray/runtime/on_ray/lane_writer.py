"""How a lane writes what is not its attempts' results: through the process that writes, where only one may (R26)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.stores import Storage
from flowray.persistence.writes import AnyResult, AnyWrite, decode_results, encode_writes
from flowray.runtime.on_ray import names
from flowray.runtime.on_ray.config import RuntimeConfig

CALL_TIMEOUT_S = 30.0


def lane_commit(config: RuntimeConfig, storage: Storage) -> Callable[[Sequence[AnyWrite]], list[AnyResult]]:
    """Commits from a lane's thread. Raises DATABASE_UNAVAILABLE, to be repeated, while the writer is away."""
    return partial(_commit_remotely, config) if config.one_writer else storage.committer.commit


def _commit_remotely(config: RuntimeConfig, writes: Sequence[AnyWrite]) -> list[AnyResult]:
    name = names.orchestrator_name(config.build, 0)
    try:
        # Looked up each time: after its death another actor has the name.
        writer = ray.get_actor(name, namespace=config.namespace)
        answer: Any = ray.get(writer.commit.remote(encode_writes(list(writes))), timeout=CALL_TIMEOUT_S)
    except (RayActorError, GetTimeoutError, ValueError) as error:
        raise FlowrayError(
            ErrorCode.DATABASE_UNAVAILABLE, "the process that writes does not answer", retryable=True
        ) from error
    return decode_results(answer)
