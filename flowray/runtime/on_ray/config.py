"""What every actor of one flowray instance is built from: names, sizes and factories. Picklable; holds no secret."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from flowray.definition.policies import Lane as LaneName
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import Payloads, Services
from flowray.persistence.stores import Storage
from flowray.runtime.callbacks import CallbackOptions
from flowray.runtime.child_starts import ChildLimits
from flowray.runtime.connections import Opener, no_opener
from flowray.runtime.on_ray import names
from flowray.runtime.poison import MAX_FAILED_RECOVERIES
from flowray.runtime.recycling import MAX_BYTES
from flowray.runtime.retention import NO_RETENTION, RetentionPolicy


@dataclass(frozen=True)
class RuntimeConfig:
    """One instance's shape on Ray.

    The factories are made by bootstrap with the settings inside and run in each actor's process. ``one_writer``: the
    database allows one writing process, which is orchestrator 0 (SQLite). ``server`` tells servers apart that share
    one database and one Ray cluster. ``schedule`` lets triggers tick, for ever: a role above the runtime, which the
    supervisor keeps running; ``retention`` is another of its roles.
    """

    instance: str
    build: str
    one_writer: bool
    storage_factory: Callable[[], Storage]
    services_factory: Callable[[Payloads], Services]
    registry_factory: Callable[[], NodeRegistry]
    orchestrators: int = 1
    lanes: int = 1
    lane_override: LaneName | None = None
    dedicated: bool = False
    child_limits: ChildLimits | None = None
    schedule: Callable[[RuntimeConfig], Coroutine[Any, Any, None]] | None = None
    max_failed_recoveries: int = MAX_FAILED_RECOVERIES
    server: str = ""
    lane_memory_bytes: int = MAX_BYTES
    callbacks: CallbackOptions | None = None
    retention: RetentionPolicy = NO_RETENTION
    opener: Callable[[], Opener] = no_opener

    @property
    def namespace(self) -> str:
        """The Ray namespace of this instance's actors."""
        return names.namespace(self.instance, self.server)
