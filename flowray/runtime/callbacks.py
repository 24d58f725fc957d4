"""Delivers callbacks: claims what is due, posts it, writes down what became of it. Any number of processes may do so.

At least once: a process that dies in between leaves its claim to run out, and the next delivery has the same id.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from flowray.engine import events as ev
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.retry_after import retry_after_ms
from flowray.handlers.services import HttpRequest, HttpTransport
from flowray.persistence.callbacks.records import DELIVERED, GIVEN_UP, PENDING, CallbackRecord
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.stores import Journal, Reader
from flowray.persistence.writes.callbacks import ClaimCallbacks, ClaimedCallback, ClaimedCallbacks, SettleCallback
from flowray.runtime.callback_bodies import body_of, headers_of
from flowray.runtime.crash_points import CrashPoint, reached

logger = logging.getLogger(__name__)

SWEEP_S = 2.0
"""How long what another process has left behind, or what is to be tried again, may lie before it is looked for."""

LEASE_MARGIN_MS = 20_000
"""How much longer a claim lasts than a delivery: for the commit that settles it."""

EXPECTED_KEPT = 20_000

FOR_GOOD = frozenset({ErrorCode.FORBIDDEN, ErrorCode.INVALID_NODE_CONFIG})
"""Failures that no other attempt would mend: a private target, a URL that is none."""

GONE = 410


@dataclass(frozen=True)
class CallbackPolicy:
    """When a delivery is tried again: after ``first_delay_ms · factor^(n-1)``, at most ``max_delay_ms``; a receiver's
    Retry-After may ask for more. With the defaults the last of 12 attempts comes after 17 hours.
    """

    max_attempts: int = 12
    first_delay_ms: int = 5_000
    factor: float = 3.0
    max_delay_ms: int = 4 * 3_600_000
    timeout_ms: int = 10_000
    at_once: int = 16
    sweep_s: float = SWEEP_S

    def delay_ms(self, attempt: int) -> int:
        """How long after this attempt, the first being 1."""
        return round(min(self.first_delay_ms * self.factor ** (attempt - 1), self.max_delay_ms))


class ClosingTransport(HttpTransport, Protocol):
    """A transport of one's own."""

    async def aclose(self) -> None:
        """Close all connections."""
        ...


@dataclass(frozen=True)
class CallbackOptions:
    """What a sender is built from. Picklable: the factories are called in the process that sends, and only once there
    is something to send.
    """

    transport_factory: Callable[[], ClosingTransport]
    secret_factory: Callable[[], str]
    policy: CallbackPolicy = field(default_factory=CallbackPolicy)


class CallbackSender:
    """Sends in a thread with an event loop of its own, so that slow receivers keep nobody waiting but each other."""

    def __init__(self, options: CallbackOptions, journal: Journal, reader: Reader, now_ms: Callable[[], int]) -> None:
        self._options = options
        self._policy = options.policy
        self._journal = journal
        self._reader = reader
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._expected: OrderedDict[str, None] = OrderedDict()
        self._stopped = False
        self._transport: ClosingTransport | None = None
        self._secret: str | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="flowray-callbacks", daemon=True)

    def start(self) -> None:
        """Begin to look for what is due."""
        self._thread.start()

    def stop(self) -> None:
        """Stop. What was being delivered is delivered again by whoever claims it next."""
        self._stopped = True
        if self._thread.is_alive():
            self._wake()
            self._thread.join(timeout=5)

    def expect(self, records: Sequence[ExecutionRecord]) -> None:
        """These executions are started in this process: if one calls back, its end here is a reason to look at once.
        Thread-safe, as ``heard`` is."""
        with self._lock:
            self._expected.update((record.id, None) for record in records if record.callback is not None)
            while len(self._expected) > EXPECTED_KEPT:
                self._expected.popitem(last=False)

    def heard(self, execution_id: str, events: Sequence[ev.AnyEvent]) -> None:
        """A commit is durable. Looks, if it may have left something behind; the sweep would find it, too."""
        with self._lock:
            if execution_id not in self._expected or not any(ev.event_type(event) in _TOLD for event in events):
                return
            if any(ev.event_type(event) in ev.TERMINAL_EVENTS for event in events):
                del self._expected[execution_id]
        self._wake()

    # -- the loop -------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._due.set)

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            with self._lock:
                self._loop = runner.get_loop()
            try:
                runner.run(self._send_forever())
            finally:
                with self._lock:
                    self._loop = None

    async def _send_forever(self) -> None:
        running: set[asyncio.Task[None]] = set()
        try:
            while not self._stopped:
                self._due.clear()
                for claim, claim_id in await asyncio.to_thread(self._claim, self._policy.at_once - len(running)):
                    running.add(asyncio.create_task(self._deliver(claim, claim_id)))
                await self._wait(running)
        finally:
            for delivery in running:
                delivery.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            if self._transport is not None:
                await self._transport.aclose()

    async def _wait(self, running: set[asyncio.Task[None]]) -> None:
        """Until something may be due: told so, a delivery has ended, or the time of the sweep."""
        told = asyncio.create_task(self._due.wait())
        done, _ = await asyncio.wait(
            {told, *running}, timeout=self._policy.sweep_s, return_when=asyncio.FIRST_COMPLETED
        )
        told.cancel()
        for delivery in done & running:
            running.discard(delivery)
            if (error := delivery.exception()) is not None:
                logger.error("flowray: a callback's delivery failed and is made again later", exc_info=error)

    def _claim(self, limit: int) -> list[tuple[ClaimedCallback, str]]:
        try:
            if limit < 1 or not self._reader.callbacks.due():
                return []
            write = ClaimCallbacks(limit=limit, lease_ms=self._policy.timeout_ms + LEASE_MARGIN_MS)
            (result,) = self._journal.commit([write])
        except FlowrayError as error:
            logger.warning("flowray: callbacks are delivered later: %s", error)
            return []
        return [(claim, write.claim_id) for claim in result.claims] if isinstance(result, ClaimedCallbacks) else []

    # -- one delivery ---------------------------------------------------------------------------------------------

    async def _deliver(self, claim: ClaimedCallback, claim_id: str) -> None:
        reached(CrashPoint.CALLBACK_CLAIMED)
        callback, execution = await asyncio.to_thread(self._rows, claim)
        if callback is None or execution is None:
            return  # The execution was deleted meanwhile, and its callbacks with it.
        settled = await self._post(claim, callback, execution)
        reached(CrashPoint.CALLBACK_SENT)
        write = SettleCallback(
            id=claim.id, claim_id=claim_id, status=settled.status, retry_ms=settled.retry_ms,
            http_status=settled.http_status, error=settled.error,
        )  # fmt: skip
        await asyncio.to_thread(self._journal.commit, [write])

    def _own_secret(self) -> str:
        if self._secret is None:
            self._secret = self._options.secret_factory()
        return self._secret

    def _rows(self, claim: ClaimedCallback) -> tuple[CallbackRecord | None, ExecutionRecord | None]:
        execution = self._reader.execution_by_id(claim.execution_id)
        if execution is None:
            return None, None
        return self._reader.callbacks.callback(claim.id, execution.workspace_id), execution

    async def _post(self, claim: ClaimedCallback, callback: CallbackRecord, execution: ExecutionRecord) -> Settled:
        if self._transport is None:
            self._transport = self._options.transport_factory()
        secret = (execution.callback or {}).get("secret") or self._own_secret()
        body = body_of(callback, execution)
        request = HttpRequest(
            method="POST", url=callback.url, content=body, timeout_ms=self._policy.timeout_ms, follow_redirects=False,
            headers=headers_of(callback, body, secret, self._now_ms(), claim.attempt),
        )  # fmt: skip
        try:
            response = await self._transport.send(request)
        except FlowrayError as error:
            # The message names what went wrong; its details hold the request, with the signature.
            return settled_failure(self._policy, claim.attempt, error.message, for_good=error.code in FOR_GOOD)
        if 200 <= response.status < 300:
            return Settled(DELIVERED, http_status=response.status)
        asked_ms = retry_after_ms(response.headers.get("retry-after"), self._now_ms())
        reason = f"the receiver answered {response.status} {response.reason}".rstrip()
        return settled_failure(
            self._policy, claim.attempt, reason, http_status=response.status, asked_ms=asked_ms or 0,
            for_good=response.status == GONE,
        )  # fmt: skip


_TOLD = frozenset({*ev.TERMINAL_EVENTS, "execution.paused"})


@dataclass(frozen=True)
class Settled:
    """What became of a delivery, in the words of ``SettleCallback``."""

    status: str
    retry_ms: int = 0
    http_status: int | None = None
    error: str | None = None


def settled_failure(
    policy: CallbackPolicy,
    attempt: int,
    reason: str,
    *,
    http_status: int | None = None,
    asked_ms: int = 0,
    for_good: bool = False,
) -> Settled:
    """Again later, or given up: for good reason, or after the last attempt."""
    if for_good:
        return Settled(GIVEN_UP, http_status=http_status, error=f"{reason}; not tried again")
    if attempt >= policy.max_attempts:
        return Settled(GIVEN_UP, http_status=http_status, error=f"{reason}; given up after {attempt} attempts")
    return Settled(PENDING, max(policy.delay_ms(attempt), asked_ms), http_status, reason)
