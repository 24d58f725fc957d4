"""Callbacks on the real runtime: told once it is durable, by whoever lives (R24)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowray.bootstrap import callback_secret
from flowray.runtime.callback_bodies import signature
from flowray.runtime.crash_points import CrashPoint
from tests.cluster import FlowrayServer, eventually
from tests.fakes.loopback import loopback_server
from tests.fakes.receiver import Receiver
from tests.hostile.on_ray import traps_of
from tests.hostile.traps import Traps
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

END = {"type": "output", "config": {"outputName": "y", "value": 1}}
GREET = workflow("greet", {"start": {"type": "input", "config": {}}, "end": END}, [("start", "end")])


@pytest.fixture
def traps(server: FlowrayServer) -> Iterator[Traps]:
    """None of them outlives its test."""
    found = traps_of(server.settings)
    found.clear()
    yield found
    found.clear()


def start(server: FlowrayServer, url: str) -> str:
    body = {"definition": GREET, "inputs": {}, "options": {"callback_url": f"{url}/hook"}}
    answer = server.http.post("/v1/executions", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_the_starter_is_told_signed_by_the_server(server: FlowrayServer) -> None:
    receiver = Receiver()
    with loopback_server(receiver.app) as url:
        its_id = start(server, url)
        eventually(lambda: receiver.received)
        delivery = receiver.received[0]
        told = delivery.json
        assert (told["execution_id"], told["status"]) == (its_id, "completed")
        signed = signature(
            delivery.id, delivery.headers["webhook-timestamp"], delivery.body, callback_secret(server.settings)
        )
        assert delivery.headers["webhook-signature"] == signed
        path = f"/v1/executions/{its_id}/callbacks"
        eventually(lambda: server.http.get(path).json()["data"][0]["status"] == "delivered")
    assert len(receiver.received) == 1


def test_who_dies_between_the_end_and_the_telling_is_stood_in_for(server: FlowrayServer, traps: Traps) -> None:
    """The orchestrator is killed right after the commit that ends the execution: nobody has been told anything."""
    receiver = Receiver()
    with loopback_server(receiver.app) as url:
        traps.set(CrashPoint.END_DURABLE, "orchestrator")
        its_id = start(server, url)
        eventually(lambda: receiver.received, 120)
        path = f"/v1/executions/{its_id}/callbacks"
        eventually(lambda: server.http.get(path).json()["data"][0]["status"] == "delivered", 120)
    assert {delivery.id for delivery in receiver.received} == {server.http.get(path).json()["data"][0]["id"]}
    assert receiver.received[0].json["status"] == "completed"
