"""Group commit: one thread that puts the writes of many callers into few transactions. Knows no database."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import msgspec

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.stores import Committer
from flowray.persistence.writes import AnyResult, AnyWrite, AppendEvents, InsertExecution, PutPayload

logger = logging.getLogger(__name__)

WhenDone = Callable[[list[AnyResult] | None, Exception | None], None]


class JournalOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one group, so that no caller waits for an endless transaction; and how long to wait before an
    unavailable database is tried again: doubling from ``first_retry_s`` up to ``longest_retry_s``.
    """

    max_writes: int = 512
    max_bytes: int = 8 * 1024 * 1024
    first_retry_s: float = 0.05
    longest_retry_s: float = 2.0


class JournalStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start. ``writes / groups`` says what group commit saves."""

    groups: int = 0
    writes: int = 0
    largest_group: int = 0
    retries: int = 0
    queued: int = 0


class _Submission(msgspec.Struct, frozen=True):
    writes: list[AnyWrite]
    done: WhenDone
    size: int


class ThreadJournal:
    """A Journal with a thread of its own. Starts at once; see ``stores.Journal`` for the contract.

    While the database is away, the same group is tried again and again: every write can be repeated, and later ones may
    depend on it. After ``close`` it is tried once more; then its callers get the error. Callbacks must be short, must
    not commit (``commit`` from the journal's own thread raises), and their exceptions are logged.
    """

    def __init__(self, committer: Committer, options: JournalOptions | None = None) -> None:
        self._committer = committer
        self._options = options or JournalOptions()
        self._queue: deque[_Submission] = deque()
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._statistics = JournalStatistics()
        self._thread = threading.Thread(target=self._run, name="flowray-journal", daemon=True)
        self._thread.start()

    def submit(self, writes: Sequence[AnyWrite], done: WhenDone) -> None:
        submission = _Submission(list(writes), done, sum(map(_size, writes)))
        with self._changed:
            if self._closed.is_set():
                raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "the journal is closed", retryable=True)
            self._queue.append(submission)
            self._changed.notify()

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        if threading.current_thread() is self._thread:
            raise RuntimeError("a callback of the journal cannot wait for the journal")
        future: Future[list[AnyResult]] = Future()
        self.submit(writes, lambda results, error: _settle(future, results, error))
        return future.result()

    def statistics(self) -> JournalStatistics:
        """What it has done so far."""
        with self._changed:
            return msgspec.structs.replace(self._statistics, queued=len(self._queue))

    def close(self) -> None:
        """Commit what is queued, then stop. Safe to call again."""
        with self._changed:
            self._closed.set()
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while (group := self._next_group()) is not None:
            writes = [write for submission in group for write in submission.writes]
            try:
                results = self._persist(writes)
            except Exception as error:
                logger.error("a group of %d writes was not committed: %s", len(writes), error)
                for submission in group:
                    _answer(submission, None, error)
                continue
            self._count(len(writes))
            start = 0
            for submission in group:
                end = start + len(submission.writes)
                _answer(submission, results[start:end], None)
                start = end

    def _next_group(self) -> list[_Submission] | None:
        """What is queued, up to the bounds but at least one submission; None once closed and empty."""
        with self._changed:
            while not self._queue:
                if self._closed.is_set():
                    return None
                self._changed.wait()
            group = [self._queue.popleft()]
            count, size = len(group[0].writes), group[0].size
            while self._queue:
                count += len(self._queue[0].writes)
                size += self._queue[0].size
                if count > self._options.max_writes or size > self._options.max_bytes:
                    break
                group.append(self._queue.popleft())
            return group

    def _persist(self, writes: list[AnyWrite]) -> list[AnyResult]:
        delay_s = self._options.first_retry_s
        while True:
            closing = self._closed.is_set()
            try:
                return self._committer.commit(writes)
            except FlowrayError as error:
                if error.code != ErrorCode.DATABASE_UNAVAILABLE or closing:
                    raise
                logger.warning("%s; trying again in %.2f s", error, delay_s)
            self._count(0, retries=1)
            self._closed.wait(delay_s)
            delay_s = min(delay_s * 2, self._options.longest_retry_s)

    def _count(self, writes: int, retries: int = 0) -> None:
        with self._changed:
            counted = self._statistics
            self._statistics = JournalStatistics(
                groups=counted.groups + (retries == 0),
                writes=counted.writes + writes,
                largest_group=max(counted.largest_group, writes),
                retries=counted.retries + retries,
            )


class DirectJournal:
    """A Journal without a thread: each submission is a transaction in the caller's thread. For tests and scripts."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._lock = threading.Lock()

    def submit(self, writes: Sequence[AnyWrite], done: WhenDone) -> None:
        try:
            results = self.commit(writes)
        except FlowrayError as error:
            done(None, error)
        else:
            done(results, None)

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        with self._lock:
            return self._committer.commit(writes)

    def close(self) -> None:
        """Nothing is ever queued."""


def _answer(submission: _Submission, results: list[AnyResult] | None, error: Exception | None) -> None:
    try:
        submission.done(results, error)
    except Exception:
        logger.exception("a callback of the journal failed")


def _settle(future: Future[list[AnyResult]], results: list[AnyResult] | None, error: Exception | None) -> None:
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(results or [])


def _size(write: AnyWrite) -> int:
    """Roughly its bytes: the parts that can be large."""
    match write:
        case AppendEvents(events=data) | InsertExecution(plan=data) | PutPayload(data=data):
            return len(data)
        case _:
            return 0
