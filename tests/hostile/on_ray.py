"""The hostile modes inside the actors of a server on Ray, and the traps at their crash points.

A process gets there when it opens its storage: the factory in its RuntimeConfig is the tests' own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import ray

from flowray.bootstrap import open_engine, open_storage
from flowray.persistence.payloads.store import PayloadStore
from flowray.persistence.stores import Reader, Storage
from flowray.runtime import orchestrator
from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.settings import Settings
from tests.hostile.faults import Faults, FaultyCommitter, FaultyReader, deadlock_commits
from tests.hostile.forgetful import ForgetfulDriver
from tests.hostile.modes import Modes
from tests.hostile.sabotages import SABOTAGES
from tests.hostile.traps import TrappedCommitter, Traps

_entered: dict[Path, Faults | None] = {}
"""The faults of this process by the state folder of the instance that it works for."""


def hostile_config(config: RuntimeConfig, settings: Settings, modes: Modes) -> RuntimeConfig:
    """The same instance, with these modes in its actors. Its API keeps a healthy store: it tells clients of faults."""
    return replace(config, storage_factory=HostileStorage(settings, modes))


def traps_of(settings: Settings) -> Traps:
    """The traps of an instance's actors."""
    return Traps(settings.state_dir / "traps")


@dataclass(frozen=True)
class ReplicaStorage:
    """The storage factory of a Serve replica: the instance's own storage, in a process that dies at traps for a
    ``replica``.
    """

    settings: Settings

    def __call__(self) -> Storage:
        """Opens the storage and begins to watch."""
        traps_of(self.settings).watch("replica")
        return open_storage(self.settings)


@dataclass(frozen=True)
class HostileStorage:
    """A storage factory."""

    settings: Settings
    modes: Modes

    def __call__(self) -> Storage:
        """Opens the instance's storage, with faults if there are to be any."""
        opened = open_storage(self.settings)
        trapped = TrappedCommitter(opened.committer, traps_of(self.settings))
        storage = Storage(trapped, opened.reader, opened.payloads, opened.listen)
        if self.settings.state_dir not in _entered:
            _entered[self.settings.state_dir] = self._enter()
        faults = _entered[self.settings.state_dir]
        if faults is None:
            return storage
        reader = cast(Reader, FaultyReader(storage.reader, faults))
        payloads = cast(PayloadStore, FaultyReader(storage.payloads, faults))
        return Storage(FaultyCommitter(storage.committer, faults), reader, payloads, storage.listen)

    def _enter(self) -> Faults | None:
        actor = ray.get_runtime_context().get_actor_name()
        if actor:
            traps_of(self.settings).watch(actor)
        if self.modes.sabotage:
            SABOTAGES[self.modes.sabotage].apply()
        if self.modes.always_recover:
            orchestrator.Driver = ForgetfulDriver  # type: ignore[attr-defined]
        if not self.modes.fault_rate:
            return None
        faults = Faults(self.modes.fault_rate, self.modes.seed)
        deadlock_commits(open_engine(self.settings), faults)
        return faults
