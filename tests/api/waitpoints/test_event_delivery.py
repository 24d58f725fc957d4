"""Events from outside reach those that wait for them and whom they fit, over the in-process runtime."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.api.context import ApiContext
from flowray.api.waitpoints.event_delivery import deliver_event, fits
from tests.api.local_server import INPUT, LocalServer, output
from tests.integration.definitions import workflow


def waits(**config: Any) -> dict[str, Any]:
    nodes = {"in": INPUT, "w": {"type": "wait", "config": {"waitType": "event", **config}}, "out": output("{{w}}")}
    return workflow("waits", nodes, [("in", "w"), ("w", "out")])


@pytest.fixture
def context(server: LocalServer) -> ApiContext:
    found: ApiContext = server.http._transport.app.state.context  # type: ignore[attr-defined]
    return found


async def waiting(server: LocalServer, definition: dict[str, Any], inputs: dict[str, Any] | None = None) -> str:
    its_id = await server.start(definition, inputs)
    found = await server.until(its_id, lambda now: now["waiting_for"] or now["status"] == "failed")
    assert (found["status"], found["waiting_for"][0]["kind"]) == ("waiting", "event"), found["error"]
    return its_id


@pytest.mark.parametrize(
    ("wanted", "data", "fit"),
    [
        (None, {"a": 1}, True),
        ({}, None, True),
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a.b": "x"}, {"a": {"b": "x"}}, True),
        ({"a.b": "x"}, {"a": "x"}, False),
        ({"a.1.b": "x"}, {"a": [{}, {"b": "x"}]}, True),
        ({"a.9": "x"}, {"a": []}, False),
        ({"a": ["x", "y"]}, {"a": "y"}, True),
        ({"a": ["x", "y"]}, {"a": "z"}, False),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ({"a": 1}, "text", False),
    ],
)
def test_what_fits(wanted: dict[str, Any] | None, data: Any, fit: bool) -> None:
    assert fits(wanted, data) is fit


async def test_an_event_reaches_all_that_wait_for_it_and_whom_it_fits(server: LocalServer, context: ApiContext) -> None:
    mine = await waiting(server, waits(event="paid", filter={"order.id": "{{id}}"}), {"id": 7})
    other = await waiting(server, waits(event="paid", filter={"order.id": 8}))
    anything = await waiting(server, waits(event="paid"))
    elsewhere = await waiting(server, waits(event="shipped"))
    event = {"order": {"id": 7}, "amount": 12}
    assert sorted(await deliver_event(context, "paid", event, "k1")) == sorted([mine, anything])
    for its_id in (mine, anything):
        assert (await server.with_status(its_id, "completed"))["outputs"] == {"y": event}
    for its_id in (other, elsewhere):
        assert (await server.get(its_id))["status"] == "waiting"
    waits_now = (await server.http.get("/v1/waitpoints?status=all&kind=event")).json()["data"]
    origins = {found["execution_id"]: found["completed_from"] for found in waits_now}
    assert origins[mine] == {"via": "event", "event": "paid", "key": "k1"}
    assert origins[other] is None


async def test_an_event_counts_once_and_not_for_waits_that_begin_later(
    server: LocalServer, context: ApiContext
) -> None:
    assert await deliver_event(context, "paid", 1) == []
    its_id = await waiting(server, waits(event="paid"))
    [found] = (await server.http.get("/v1/waitpoints?kind=event")).json()["data"]
    record = await context.read(context.directory.reader.waitpoint, found["waitpoint_id"])
    assert record is not None
    assert await deliver_event(context, "paid", 1, "k", at_ms=record.created_at - 1) == []
    assert await deliver_event(context, "paid", 2, "k", at_ms=record.created_at) == [its_id]
    assert await deliver_event(context, "paid", 3, "k2") == []
    assert (await server.with_status(its_id, "completed"))["outputs"] == {"y": 2}


async def test_an_event_that_is_not_what_is_expected_leaves_the_wait(server: LocalServer, context: ApiContext) -> None:
    its_id = await waiting(server, waits(event="paid", expectedInput={"type": "object", "required": ["amount"]}))
    assert await deliver_event(context, "paid", {"nothing": 1}) == []
    assert await deliver_event(context, "paid", {"amount": 5}) == [its_id]
    assert (await server.with_status(its_id, "completed"))["outputs"] == {"y": {"amount": 5}}


async def test_pages_of_waits_are_all_reached(
    server: LocalServer, context: ApiContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowray.api.waitpoints.event_delivery.PAGE_ROWS", 2)
    ids = [await waiting(server, waits(event="paid")) for _ in range(5)]
    assert sorted(await deliver_event(context, "paid", 1)) == sorted(ids)
