"""Callbacks are delivered at least once, signed, and given up visibly. Receivers listen on loopback."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flowray.engine import events as ev
from flowray.handlers.handler import system_now_ms
from flowray.handlers.providers.aiohttp_transport import AiohttpTransport
from flowray.persistence.callbacks.records import CallbackRecord
from flowray.persistence.journal import ThreadJournal
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.writes.callbacks import ClaimCallbacks, RedeliverCallback
from flowray.runtime.callback_bodies import signature
from flowray.runtime.callbacks import CallbackOptions, CallbackPolicy, CallbackSender, settled_failure
from tests.fakes.loopback import loopback_server
from tests.fakes.receiver import Receiver
from tests.persistence.samples import append, owned, owner

FAST = CallbackPolicy(max_attempts=3, first_delay_ms=1, timeout_ms=60_000, sweep_s=0.02)
SECRET = "the server's secret"


class World:
    """A store with ended executions, and what sends from it."""

    def __init__(self, policy: CallbackPolicy = FAST, allow_private: bool = True) -> None:
        self.store = MemoryStore()
        self.store.commit([owner()])
        self.journal = ThreadJournal(self.store)
        options = CallbackOptions(lambda: AiohttpTransport(allow_private=allow_private), lambda: SECRET, policy)
        self.new_sender: Callable[[], CallbackSender] = lambda: CallbackSender(
            options, self.journal, self.store, system_now_ms
        )

    def end(self, url: str, execution_id: str = "e1", **asked: Any) -> None:
        callback = {"url": url, "events": ["completed"], **asked}
        self.store.commit([owned(execution_id, callback=callback)])
        self.store.commit([append(execution_id, count=1, changes={"status": "completed", "outputs": {"n": 1}})])

    def row(self, execution_id: str = "e1") -> CallbackRecord:
        found = self.store.callbacks.callback(f"cb_{execution_id}_1")
        assert found is not None
        return found

    @contextmanager
    def sending(self) -> Iterator[CallbackSender]:
        sender = self.new_sender()
        sender.start()
        try:
            yield sender
        finally:
            sender.stop()

    def until(self, status: str, execution_id: str = "e1") -> CallbackRecord:
        eventually(lambda: self.row(execution_id).status == status)
        return self.row(execution_id)


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.005)


def test_a_delivery_says_what_happened_and_is_signed() -> None:
    world, receiver = World(), Receiver()
    with loopback_server(receiver.app) as url, world.sending():
        world.end(f"{url}/hook")
        row = world.until("delivered")
    (delivery,) = receiver.received
    assert delivery.json["outputs"] == {"n": 1}
    assert delivery.id == delivery.json["event_id"] == "cb_e1_1"
    signed = signature(delivery.id, delivery.headers["webhook-timestamp"], delivery.body, SECRET)
    assert delivery.headers["webhook-signature"] == signed
    assert (row.attempts, row.last_status, row.last_error) == (1, 200, None)


def test_an_execution_may_have_a_secret_of_its_own() -> None:
    world, receiver = World(), Receiver()
    with loopback_server(receiver.app) as url, world.sending():
        world.end(f"{url}/hook", secret="its own")
        world.until("delivered")
    delivery = receiver.received[0]
    signed = signature(delivery.id, delivery.headers["webhook-timestamp"], delivery.body, "its own")
    assert delivery.headers["webhook-signature"] == signed


def test_500_then_200_is_delivered_twice_with_one_id_and_body() -> None:
    world, receiver = World(), Receiver(statuses=(500, 200))
    with loopback_server(receiver.app) as url, world.sending():
        world.end(f"{url}/hook")
        row = world.until("delivered")
    first, second = receiver.received
    assert first.id == second.id
    assert first.body == second.body
    assert [delivery.headers["flowray-attempt"] for delivery in receiver.received] == ["1", "2"]
    assert row.attempts == 2


def test_it_is_given_up_after_the_last_attempt_and_says_why() -> None:
    world, receiver = World(), Receiver(statuses=(503,))
    with loopback_server(receiver.app) as url, world.sending():
        world.end(f"{url}/hook")
        row = world.until("given_up")
        assert (row.attempts, row.last_status) == (3, 503)
        assert row.last_error == "the receiver answered 503 Service Unavailable; given up after 3 attempts"
        assert len(receiver.received) == 3
        # By hand it starts again, with the same id.
        receiver._answers = [200]
        world.store.commit([RedeliverCallback(id=row.id)])
        world.until("delivered")
    assert {delivery.id for delivery in receiver.received} == {row.id}


def test_nobody_who_listens_is_a_failure_like_any_other() -> None:
    world = World()
    with loopback_server(Receiver().app) as url:
        pass
    with world.sending():
        world.end(f"{url}/hook")
        row = world.until("given_up")
    assert row.attempts == 3
    assert row.last_error is not None
    assert "cannot connect" in row.last_error


@pytest.mark.parametrize("status", [410])
def test_gone_is_not_tried_again(status: int) -> None:
    world, receiver = World(), Receiver(statuses=(status,))
    with loopback_server(receiver.app) as url, world.sending():
        world.end(f"{url}/hook")
        row = world.until("given_up")
    assert row.attempts == len(receiver.received) == 1
    assert row.last_error == "the receiver answered 410 Gone; not tried again"


def test_a_redirect_is_not_followed() -> None:
    """It could lead anywhere, and would take the body along."""
    world, receiver = World(), Receiver(statuses=(307,), headers={"Location": "/hook"})
    with loopback_server(receiver.app) as url, world.sending():
        world.end(f"{url}/hook")
        assert world.until("given_up").last_status == 307
    assert len(receiver.received) == 3


def test_a_private_target_is_not_called_where_nodes_may_not_either() -> None:
    world, receiver = World(allow_private=False), Receiver()
    with loopback_server(receiver.app) as url, world.sending():
        world.end(f"{url}/hook")
        row = world.until("given_up")
    assert receiver.received == []
    assert row.attempts == 1
    assert row.last_error is not None
    assert "private or local address" in row.last_error


def test_a_slow_receiver_is_cut_off_and_keeps_nobody_else_waiting() -> None:
    policy = CallbackPolicy(max_attempts=50, first_delay_ms=1, timeout_ms=2_000, sweep_s=0.02)
    world, slow, quick = World(policy), Receiver(delay_s=30), Receiver()
    with loopback_server(slow.app) as slow_url, loopback_server(quick.app) as url, world.sending():
        world.end(f"{slow_url}/hook", "slow")
        for number in range(20):
            world.end(f"{url}/hook", f"e{number}")
        for number in range(20):
            world.until("delivered", f"e{number}")
        eventually(lambda: world.row("slow").last_error is not None)
    assert {delivery.id for delivery in slow.received} == {"cb_slow_1"}
    assert "no complete answer within 2000 ms" in (world.row("slow").last_error or "")


def test_what_a_dead_process_had_claimed_another_delivers() -> None:
    """A crash between commit and delivery, and one between claim and delivery: nothing is lost."""
    world, receiver = World(), Receiver()
    with loopback_server(receiver.app) as url:
        world.end(f"{url}/hook", "e1")
        world.end(f"{url}/hook", "e2")
        world.store.commit([ClaimCallbacks(limit=1, lease_ms=0)])  # and dies
        with world.sending():
            world.until("delivered", "e1")
            world.until("delivered", "e2")
    assert sorted(delivery.id for delivery in receiver.received) == ["cb_e1_1", "cb_e2_1"]


def test_a_death_after_the_delivery_delivers_again_with_the_same_id() -> None:
    world, receiver = World(), Receiver()
    with loopback_server(receiver.app) as url:
        world.end(f"{url}/hook")
        with world.sending():
            world.until("delivered")
        # As if nobody had lived to write it down.
        world.store.commit([RedeliverCallback(id="cb_e1_1")])
        with world.sending():
            world.until("delivered")
    assert [delivery.id for delivery in receiver.received] == ["cb_e1_1"] * 2


def test_an_end_in_this_process_is_delivered_at_once() -> None:
    world, receiver = World(CallbackPolicy(sweep_s=3_600)), Receiver()
    end = ev.ExecutionCompleted(ts=1, outputs={})
    with loopback_server(receiver.app) as url, world.sending() as sender:
        world.end(f"{url}/hook", "e1")
        sender.heard("e1", [end])  # not expected: nobody looks
        row = world.store.execution_by_id("e1")
        assert row is not None
        sender.expect([row])
        sender.heard("e1", [end])
        world.until("delivered")


def test_delays_grow_up_to_a_bound_and_a_receiver_may_ask_for_more() -> None:
    policy = CallbackPolicy(max_attempts=4, first_delay_ms=100, factor=3.0, max_delay_ms=500)
    assert [policy.delay_ms(attempt) for attempt in (1, 2, 3, 4)] == [100, 300, 500, 500]
    assert settled_failure(policy, 1, "no", asked_ms=9_000).retry_ms == 9_000
    assert settled_failure(policy, 3, "no").status == "pending"
    assert settled_failure(policy, 4, "no").error == "no; given up after 4 attempts"
