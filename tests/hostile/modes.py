"""The hostile modes: the ordinary tests, with a store that fails or an owner that forgets. Chosen by the environment.

``FLOWRAY_TEST_FAULTS=0.05``: so often does a call to the store fail, drawn from ``FLOWRAY_TEST_SEED``.
``FLOWRAY_TEST_ALWAYS_RECOVER=1``: executions are read back from the store after each commit.
``FLOWRAY_TEST_SABOTAGE=fencing``: one of what holds the promises is switched off.
``FLOWRAY_TEST_DATABASE=postgresql``: servers on Ray keep everything there, unless a test says where. See
docs/decisions/0019-hostile-modes.md.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any, cast

import pytest

from flowray.persistence.payloads.store import PayloadStore
from flowray.persistence.stores import Reader
from flowray.runtime import orchestrator
from flowray.runtime.local import LocalExecutor, LocalRuntime
from flowray.runtime.orchestrator import Orchestrator
from tests.hostile.faults import Faults, FaultyCommitter, FaultyReader
from tests.hostile.forgetful import ForgetfulDriver


@dataclass(frozen=True)
class Modes:
    """What is hostile. ``fault_rate`` is between 0 and 1; ``sabotage`` is one of SABOTAGES; no ``database``: SQLite."""

    fault_rate: float = 0.0
    seed: int = 0
    always_recover: bool = False
    sabotage: str = ""
    database: str = ""

    def __str__(self) -> str:
        """What is needed to run the same again."""
        names: dict[str, Any] = {"FLOWRAY_TEST_FAULTS": self.fault_rate, "FLOWRAY_TEST_SABOTAGE": self.sabotage}
        names["FLOWRAY_TEST_DATABASE"] = self.database
        names["FLOWRAY_TEST_SEED"] = self.seed if self.fault_rate else 0
        names["FLOWRAY_TEST_ALWAYS_RECOVER"] = int(self.always_recover)
        return " ".join(f"{name}={value}" for name, value in names.items() if value)


@lru_cache(maxsize=1)
def chosen() -> Modes:
    """As the environment says. A seed that is not given is made up, once, and shown with the run."""
    seed = os.environ.get("FLOWRAY_TEST_SEED")
    return Modes(
        fault_rate=float(os.environ.get("FLOWRAY_TEST_FAULTS", "0")),
        seed=int(seed) if seed else random.SystemRandom().randrange(1, 1 << 32),
        always_recover=os.environ.get("FLOWRAY_TEST_ALWAYS_RECOVER") == "1",
        sabotage=os.environ.get("FLOWRAY_TEST_SABOTAGE", ""),
        database=os.environ.get("FLOWRAY_TEST_DATABASE", ""),
    )


def make_hostile(modes: Modes, patch: pytest.MonkeyPatch) -> None:
    """From now on, runtimes of this process are.

    All that works by itself reads through the faults, only clients do not: what a failing read means to those is the
    API's business.
    """
    if modes.always_recover or modes.fault_rate:
        _compute_half(patch)
    if modes.always_recover:
        patch.setattr(orchestrator, "Driver", ForgetfulDriver)
    if modes.fault_rate:
        _inject(Faults(modes.fault_rate, modes.seed), patch)


def _compute_half(patch: pytest.MonkeyPatch) -> None:
    """Of what could be carried out at once every second attempt goes to a lane: a chain that is one commit would meet
    one fault, and be forgotten once.
    """
    compute, turns = LocalExecutor.compute, count()
    patch.setattr(LocalExecutor, "compute", lambda self, task: compute(self, task) if next(turns) % 2 else None)


def _inject(faults: Faults, patch: pytest.MonkeyPatch) -> None:
    init, new_orchestrator = LocalRuntime.__init__, LocalRuntime._new_orchestrator

    def faulty_init(
        self: LocalRuntime, committer: Any, reader: Reader, payloads: PayloadStore, *arguments: Any, **named: Any
    ) -> None:
        faulty = (FaultyReader(part, faults) for part in (reader, payloads))
        init(self, FaultyCommitter(committer, faults), *faulty, *arguments, **named)
        self.reader, self._payloads = reader, payloads

    def with_faulty_reader(self: LocalRuntime) -> Orchestrator:
        reader = self.reader
        if isinstance(reader, FaultyReader):  # Called by the constructor.
            return new_orchestrator(self)
        self.reader = cast(Reader, FaultyReader(reader, faults))
        try:
            return new_orchestrator(self)
        finally:
            self.reader = reader

    patch.setattr(LocalRuntime, "__init__", faulty_init)
    patch.setattr(LocalRuntime, "_new_orchestrator", with_faulty_reader)
