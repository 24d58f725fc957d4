"""Forgets executions whose time has come, and what nothing refers to (R34). Holds no state: stop it at any moment.

Many small commits and never a long one, with a rest after each, so that it takes turns with the work; the next round
goes on where this one was stopped. Several may run at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import msgspec

from flowray.errors import FlowrayError
from flowray.persistence.payloads.ids import may_be_collected
from flowray.persistence.payloads.store import OwnedFiles, PayloadFiles, PayloadStore
from flowray.persistence.retention.upkeep import RetentionTimes
from flowray.persistence.stores import Journal, Reader
from flowray.persistence.writes import AnyResult, AnyWrite
from flowray.persistence.writes.retention import (
    Collected,
    CollectOrphans,
    Deleted,
    DeleteExecutions,
    Purged,
    PurgeExecutions,
)
from flowray.persistence.writes.spent import CollectSpent, Spent
from flowray.persistence.writes.triggers import Pruned, PruneFirings
from flowray.runtime.crash_points import CrashPoint, reached
from flowray.runtime.value_sweep import AT_ONCE, sweeps

logger = logging.getLogger(__name__)

DAY_MS = 24 * 3_600 * 1_000

_FAMILIES = 20
"""Executions deleted in one commit, each with all that it has called."""

_OWNERS = 200
"""Owners of payload files looked up at once."""

_LONGEST_REST_S = 1.0
_SHOWN = 100_000

Commit = Callable[[Sequence[AnyWrite]], Awaitable[list[AnyResult]]]
R = TypeVar("R")


class RetentionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """For executions whose workflow says nothing: how long they are kept after their end, None being for ever.

    ``grace_ms``: what nothing refers to is left alone for so long, since its execution may be about to commit.
    ``history_ms``: how long settled callbacks and firings and closed shared waitpoints are kept.
    ``every_s``: seconds between two rounds; 0 for none.
    """

    completed_ms: int | None = None
    failed_ms: int | None = None
    grace_ms: int = DAY_MS
    history_ms: int = 30 * DAY_MS
    every_s: float = 300.0

    def times(self, now: int) -> RetentionTimes:
        """What is due at ``now``, ms since the epoch."""
        return RetentionTimes(
            now=now,
            completed_before=None if self.completed_ms is None else now - self.completed_ms,
            failed_before=None if self.failed_ms is None else now - self.failed_ms,
        )

    def history_before(self, now: int) -> int:
        """What was settled before this time is kept no longer, ms since the epoch."""
        return now - self.history_ms


NO_RETENTION = RetentionPolicy(every_s=0)
"""Nothing is ever looked after."""


class RetentionReport(msgspec.Struct, kw_only=True):
    """What a round has removed, or would remove. ``executions`` without what they have called; ``rows`` of the
    database; ``payloads``, and ``files`` of workspaces, with ``bytes`` that nothing referred to, whether their
    execution was there or not; ``temporary``: files left half written; ``spent``: rows of limits' uses, changes of
    metadata, callbacks, shared waitpoints and firings that are of no use any more."""

    executions: int = 0
    rows: int = 0
    payloads: int = 0
    files: int = 0
    bytes: int = 0
    plans: int = 0
    owners: int = 0
    temporary: int = 0
    spent: int = 0


class Retention:
    """One round at a time. ``commit`` is that of the process that may write."""

    def __init__(
        self,
        reader: Reader,
        commit: Commit,
        payloads: PayloadStore,
        policy: RetentionPolicy,
        workspaces: OwnedFiles | None = None,
    ) -> None:
        self._reader, self._commit, self._payloads, self._policy = reader, commit, payloads, policy
        self._workspaces = workspaces

    async def run(self) -> RetentionReport:
        """Remove all that is due now. Raises FlowrayError DATABASE_UNAVAILABLE; the next round goes on."""
        report = RetentionReport()
        now = await asyncio.to_thread(self._reader.now_ms)
        await self._delete_due(now, report)
        await self._purge(report)
        await self._collect(now - self._policy.grace_ms, report)
        if report.rows:
            reached(CrashPoint.COLLECTED)
        await self._collect_files(now - self._policy.grace_ms, report, remove=True)
        await self._collect_workspaces(now - self._policy.grace_ms, report, remove=True)
        await self._sweep_values(now - self._policy.grace_ms, report)
        await self._collect_spent(now, report)
        return report

    async def preview(self) -> RetentionReport:
        """What ``run`` would remove; plans and payloads that it would set free are not counted yet."""
        now = await asyncio.to_thread(self._reader.now_ms)
        due = await asyncio.to_thread(self._reader.upkeep.past_retention, self._policy.times(now), _SHOWN)
        before = now - self._policy.grace_ms
        left = await asyncio.to_thread(self._reader.upkeep.leftovers, before, self._policy.history_before(now))
        report = RetentionReport(
            executions=len(due) + left.deleted, payloads=left.payloads, bytes=left.payload_bytes, plans=left.plans,
            owners=left.owners, spent=left.spent,
        )  # fmt: skip
        await self._collect_files(before, report, remove=False)
        await self._collect_workspaces(before, report, remove=False)
        left_over = await asyncio.to_thread(sweeps, self._reader, self._payloads, before, _SHOWN)
        for sweep in (sweep for sweep in left_over if sweep.execution_id not in due):
            report.payloads += len(sweep.rows) + len(sweep.files)
            report.bytes += sum(sweep.rows.values()) + sum(sweep.files.values())
        return report

    async def _delete_due(self, now: int, report: RetentionReport) -> None:
        times = self._policy.times(now)
        while due := await asyncio.to_thread(self._reader.upkeep.past_retention, times, _FAMILIES):
            result = await self._write(DeleteExecutions(ids=tuple(due), workspace_id=None), Deleted)
            reached(CrashPoint.DELETED)
            report.executions += len(result.ids)
            if not result.ids:
                return  # Something has begun to refer to all of them; the next round looks again.

    async def _purge(self, report: RetentionReport) -> None:
        more = True
        while more:
            result = await self._write(PurgeExecutions(), Purged)
            if result.rows:
                reached(CrashPoint.PURGED)
            report.rows += result.rows
            more = result.more

    async def _collect(self, before: int, report: RetentionReport) -> None:
        more = True
        while more:
            result = await self._write(CollectOrphans(before=before), Collected)
            report.payloads += result.payloads
            report.bytes += result.bytes
            report.plans += result.plans
            report.owners += result.owners
            more = result.more

    async def _sweep_values(self, before: int, report: RetentionReport) -> None:
        """Files go first: an execution that is noted as looked through has none left over."""
        while found := await asyncio.to_thread(sweeps, self._reader, self._payloads, before):
            for sweep in found:
                if sweep.files and isinstance(self._payloads, PayloadFiles):
                    removed = await asyncio.to_thread(self._payloads.drop, sweep.files, before)
                    report.payloads, report.bytes = report.payloads + removed.blobs, report.bytes + removed.bytes
            results = await self._write_all([sweep.write(before) for sweep in found], Collected)
            report.payloads += sum(result.payloads for result in results)
            report.bytes += sum(result.bytes for result in results)
            if len(found) < AT_ONCE:
                return

    async def _collect_spent(self, now: int, report: RetentionReport) -> None:
        before, history_before = now - self._policy.grace_ms, self._policy.history_before(now)
        more = True
        while more:
            result = await self._write(CollectSpent(before=before, history_before=history_before), Spent)
            report.spent += result.limit_uses + result.metadata_changes + result.callbacks + result.waitpoints
            more = result.more
        prune, more = PruneFirings(before=history_before), True
        while more:
            pruned = await self._write(prune, Pruned)
            report.spent += pruned.count
            more = pruned.count == prune.limit

    async def _collect_files(self, before: int, report: RetentionReport, *, remove: bool) -> None:
        """Blobs outside of the database. Looking up who is there just before removing is as good as one transaction:
        what is older than the grace belongs to a row that has long been committed, or never will be."""
        files = self._payloads
        if not isinstance(files, PayloadFiles):
            return
        for removed in await asyncio.to_thread(lambda: list(self._files(files, before, remove=remove))):
            report.payloads += removed[0]
            report.bytes += removed[1]
        if remove:
            report.temporary += await asyncio.to_thread(files.remove_temporary, before)

    async def _collect_workspaces(self, before: int, report: RetentionReport, *, remove: bool) -> None:
        """Files of executions that are gone, as ``_collect_files`` does it."""
        files = self._workspaces
        if files is None:
            return
        for removed in await asyncio.to_thread(lambda: list(self._files(files, before, remove=remove))):
            report.files += removed[0]
            report.bytes += removed[1]
        if remove:
            report.temporary += await asyncio.to_thread(files.remove_temporary, before)

    def _files(self, files: OwnedFiles, before: int, *, remove: bool) -> Iterator[tuple[int, int]]:
        owners = iter(list(files.owners()))
        while some := list(islice(owners, _OWNERS)):
            known = self._reader.upkeep.present(some)
            for owner in some:
                if owner not in known and may_be_collected(owner):
                    yield (files.remove if remove else files.orphans)(owner, before)

    async def _write(self, write: AnyWrite, kind: type[R]) -> R:
        (result,) = await self._write_all([write], kind)
        return result

    async def _write_all(self, writes: Sequence[AnyWrite], kind: type[R]) -> list[R]:
        begun = time.monotonic()
        results = await self._commit(writes)
        # As long a rest as it took: whoever else writes gets at least every other turn.
        await asyncio.sleep(min(time.monotonic() - begun, _LONGEST_REST_S))
        found: list[R] = [result for result in results if isinstance(result, kind)]
        if len(found) < len(writes):
            raise TypeError(f"{type(writes[0]).__name__} was answered with {results!r}")
        return found


async def retain_forever(
    reader: Reader,
    commit: Commit,
    payloads: PayloadStore,
    policy: RetentionPolicy,
    stopped: asyncio.Event,
    workspaces: OwnedFiles | None = None,
) -> None:
    """A round now and then until ``stopped`` is set; a round that fails is logged and the next one tries again."""
    while not stopped.is_set():
        try:
            await asyncio.wait_for(stopped.wait(), policy.every_s)
            return
        except TimeoutError:
            pass
        try:
            report = await Retention(reader, commit, payloads, policy, workspaces).run()
        except FlowrayError as error:
            logger.warning("flowray: retention will try again: %s", error)
        except Exception:
            logger.exception("flowray: a round of retention failed")
        else:
            if report != RetentionReport():
                logger.info("flowray: retention removed %s", msgspec.to_builtins(report))


class RetentionThread:
    """Rounds in a thread of their own, for a runtime without a supervisor. Does nothing for a policy without rounds."""

    def __init__(
        self,
        journal: Journal,
        reader: Reader,
        payloads: PayloadStore,
        policy: RetentionPolicy,
        workspaces: OwnedFiles | None = None,
    ) -> None:
        self._journal, self._reader, self._payloads, self._policy = journal, reader, payloads, policy
        self._workspaces = workspaces
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flowray-retention", daemon=True)

    def start(self) -> None:
        """Begin; the first round comes after one period."""
        if self._policy.every_s > 0:
            self._thread.start()
            self._started.wait()

    def stop(self) -> None:
        """End after the commit at hand. Safe to call again."""
        if self._loop is not None and self._stopped is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._rounds())

    async def _rounds(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        rounds = asyncio.ensure_future(
            retain_forever(self._reader, self._write, self._payloads, self._policy, self._stopped, self._workspaces)
        )
        await self._stopped.wait()
        rounds.cancel()
        await asyncio.gather(rounds, return_exceptions=True)

    async def _write(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        return await asyncio.to_thread(self._journal.commit, writes)
