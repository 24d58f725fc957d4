"""Events on the wire: tagged, compact, and back again unchanged."""

from __future__ import annotations

import msgspec
import pytest

from flowray.engine import events as ev
from flowray.values import StoredValue
from tests.engine.harness import items, run
from tests.engine.plans import PlanMaker


def test_round_trip_of_a_whole_run() -> None:
    played = run(PlanMaker().loop("L").node("x", scope="L").build(), {"L": items(1, "ä", None)})
    assert ev.decode_events(ev.encode_events(played.events)) == played.events


def test_stored_values_are_restored() -> None:
    event = ev.NodeCompleted(ts=1, instance="a", node_id="a", attempt=1, output=StoredValue("p", 5))
    assert ev.decode_events(ev.encode_events([event])) == [event]


def test_a_value_that_only_looks_like_a_descriptor_stays_readable() -> None:
    event = ev.ScopeStarted(ts=1, instance="L", node_id="L", scope="L[0]", index=0, item={"$flowray": "stored"})
    assert ev.decode_events(ev.encode_events([event])) == [event]


def test_type_and_defaults_on_the_wire() -> None:
    event = ev.NodeReady(ts=1, instance="a", node_id="a")
    assert ev.event_type(event) == "node.ready"
    assert msgspec.json.decode(ev.encode_events([event])) == [
        {"type": "node.ready", "ts": 1, "instance": "a", "node_id": "a"}
    ]


def test_unknown_types_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        ev.decode_events(b'[{"type":"node.exploded","ts":1}]')


def test_terminal_events_are_event_types() -> None:
    kinds = {ev.event_type(kind(ts=1)) for kind in (ev.ExecutionCompleted, ev.ExecutionCancelled, ev.ExecutionCrashed)}
    assert kinds < ev.TERMINAL_EVENTS
