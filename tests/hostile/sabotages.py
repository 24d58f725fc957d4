"""What holds the promises, switched off one at a time: a fault suite that does not fail then proves nothing.

``make sabotage`` runs chosen tests under each. They work in this process and in the actors of servers on Ray, as
FLOWRAY_TEST_SABOTAGE names one; the simulation has its own, finer ones (tests/simulation/test_sabotage.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from flowray.engine.commands import RunNode
from flowray.eventlog import tail
from flowray.persistence.database.transaction import Transaction
from flowray.persistence.sql import committer as sql_committer
from flowray.persistence.writes import AnyResult, AppendEvents, Inserted, InsertInbox
from flowray.runtime.dispatch_lease import StaleGuard
from flowray.runtime.live import LiveExecution
from flowray.runtime.ownership import Lease


def _without_fencing() -> None:
    """R22: an append counts whatever epoch and seq it was decided under."""
    append: Callable[..., list[AnyResult]] = sql_committer._APPLY[AppendEvents]

    def unfenced(tx: Transaction, writes: Sequence[AppendEvents]) -> list[AnyResult]:
        forged = []
        for write in writes:
            standing = tx.standings.get(write.execution_id)
            if standing is not None and (standing.epoch, standing.last_seq) != (write.epoch, write.expected_seq):
                last = standing.last_seq + write.last_seq - write.expected_seq
                write = msgspec.structs.replace(
                    write, epoch=standing.epoch, expected_seq=standing.last_seq, last_seq=last
                )
            forged.append(write)
        return append(tx, forged)

    sql_committer._APPLY[AppendEvents] = unfenced


def _effects_before_their_commit() -> None:
    """R23, R24: an effect is dispatched as soon as it is decided."""
    LiveExecution._may_run_ahead = lambda self, command: isinstance(command, RunNode)  # type: ignore[method-assign]


def _without_the_lease() -> None:
    """R23, R27: whoever wakes up after its lease believes itself the owner, and lanes believe it."""

    async def never(self: StaleGuard, task: Any, lease: Any) -> bool:
        return False

    Lease.is_trusted = lambda self: True  # type: ignore[method-assign]
    StaleGuard.is_stale = never  # type: ignore[method-assign]
    StaleGuard.is_stale_here = lambda self, task, lease: False  # type: ignore[method-assign]


def _without_the_resume_queue() -> None:
    """R25: a request is acknowledged, and nothing of it is kept."""

    def forgetful(tx: Transaction, writes: Sequence[InsertInbox]) -> list[AnyResult]:
        return [Inserted(id=write.record.id) for write in writes]

    sql_committer._APPLY[InsertInbox] = forgetful


def _replayed_tokens_again() -> None:
    """R33: a reader is handed whatever is pushed, also what it has read from the log already."""
    tail._contiguous = lambda pushed, cursor: list(pushed)


@dataclass(frozen=True)
class Sabotage:
    """``apply`` switches it off in this process, for good. ``tests`` are those of which some must fail, with a line of
    the summary that matches ``reason``: whatever else fails them has not noticed it.
    """

    apply: Callable[[], None]
    tests: tuple[str, ...]
    reason: str


SABOTAGES = {
    "fencing": Sabotage(
        _without_fencing,
        ("tests/conformance/test_stores.py", "tests/durability/test_recovery.py", "-k", "r22_a_stale or r22_what"),
        r"r22_.* assert",
    ),
    "commit-before-effect": Sabotage(
        _effects_before_their_commit, ("tests/durability/test_steps.py", "-k", "r23_no_effect"), "L1: .* before"
    ),
    "lease": Sabotage(_without_the_lease, ("tests/durability/test_recovery.py", "-k", "s30"), r"s30_.*'b': 2"),
    "resume-queue": Sabotage(
        _without_the_resume_queue, ("tests/durability/test_answers.py", "-k", "s42"), r"I4: the answer .* not consumed"
    ),
    "replayed-tokens": Sabotage(
        _replayed_tokens_again,
        ("tests/eventlog/test_tail.py", "tests/durability/test_streams.py", "-k", "r33_what_was_delivered or s64"),
        r"(r33|s64)_.*assert",
    ),
}
"""By the name that FLOWRAY_TEST_SABOTAGE takes."""
