"""The Children port with a thread of its own: what the driver asks for waits here until the database has it."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from flowray.engine.commands import StartChild, StopChild
from flowray.errors import FlowrayError
from flowray.persistence.records import ExecutionRecord
from flowray.runtime.child_starts import ChildStarter

logger = logging.getLogger(__name__)

RETRY_S = 0.5
"""How long to wait before an unavailable database is tried again."""

MAX_TOGETHER = 200
"""Children of one commit at most: bounds how long the first of them waits for the last to be compiled."""


class Started(msgspec.Struct, frozen=True):
    """A child to start."""

    parent: ExecutionRecord
    command: StartChild


class Stopped(msgspec.Struct, frozen=True):
    """A child to cancel."""

    parent: ExecutionRecord
    command: StopChild


class Woken(msgspec.Struct, frozen=True):
    """Executions whose owners are to look into their inboxes."""

    execution_ids: tuple[str, ...]


Job: TypeAlias = Started | Stopped | Woken


class ChildQueue:
    """Does jobs in order, children that are asked for together in one commit. ``wake`` tells owners, wherever they are.

    A job is repeated until the database has taken it, or the queue is stopped: what is lost then, the next owner of the
    parent asks for again.
    """

    def __init__(self, starter: ChildStarter, wake: Callable[[Sequence[str]], None], retry_s: float = RETRY_S) -> None:
        self._starter = starter
        self._wake = wake
        self._retry_s = retry_s
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flowray-children", daemon=True)

    # -- Children -------------------------------------------------------------------------------------------------

    def start(self, parent: ExecutionRecord, command: StartChild) -> None:
        """Queue the start of a child."""
        self._jobs.put(Started(parent, command))

    def stop(self, parent: ExecutionRecord, command: StopChild) -> None:
        """Queue the end of a child."""
        self._jobs.put(Stopped(parent, command))

    def wake(self, execution_ids: Sequence[str]) -> None:
        """Queue a word to owners."""
        self._jobs.put(Woken(tuple(execution_ids)))

    # -- the thread -----------------------------------------------------------------------------------------------

    def start_thread(self) -> None:
        """Begin to do jobs."""
        self._thread.start()

    def stop_thread(self) -> None:
        """Do no further job. Safe to call again, and from the thread itself."""
        self._stopped.set()
        self._jobs.put(None)
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopped.is_set():
            job = self._jobs.get()
            if job is not None:
                self.work([job, *self._more()])

    def _more(self) -> list[Job]:
        jobs: list[Job] = []
        while len(jobs) < MAX_TOGETHER and not self._jobs.empty():
            job = self._jobs.get()
            if job is not None:
                jobs.append(job)
        return jobs

    def work(self, jobs: Sequence[Job]) -> None:
        """Do jobs in order, in the caller's thread."""
        starts: list[Started] = []
        for job in jobs:
            if isinstance(job, Started):
                starts.append(job)
                continue
            # A child that is stopped right after its start must be there to be stopped.
            self._until_done(self._start, starts)
            starts = []
            try:
                self._until_done(self._do, job)
            except Exception:
                # Sweeps find what nobody was told of; a row that cannot be written now went with its parent's commit.
                logger.exception("flowray: a job for child executions was given up")
        self._until_done(self._start, starts)

    def _until_done(self, act: Callable[..., None], argument: object) -> None:
        while argument and not self._stopped.is_set():
            try:
                act(argument)
            except FlowrayError as error:
                if not error.retryable:
                    raise
                logger.warning("flowray: children have to wait: %s", error)
                self._stopped.wait(self._retry_s)
            else:
                return

    def _start(self, starts: Sequence[Started]) -> None:
        calls = [(job.parent, job.command) for job in starts]
        try:
            told = self._starter.start(calls)
        except Exception as error:
            if isinstance(error, FlowrayError) and error.retryable:
                raise
            logger.exception("flowray: %d children could not be started", len(calls))
            for call in calls:
                self._starter.refuse(call, error)
        else:
            if told:
                self._wake(told)

    def _do(self, job: Stopped | Woken) -> None:
        if isinstance(job, Stopped):
            self._wake([self._starter.stop(job.parent, job.command)])
        else:
            self._wake(job.execution_ids)
