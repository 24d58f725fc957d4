"""The whole state as JSON and back; the harness round-trips it after every step of every engine test."""

from __future__ import annotations

import msgspec
import pytest

from flowray.engine.context import context_for
from flowray.engine.snapshot import snapshot_from_json, snapshot_to_json
from flowray.errors import FlowrayError
from flowray.values import StoredValue
from tests.engine.harness import Run, items, ok
from tests.engine.plans import PlanMaker


def test_an_execution_goes_on_from_any_snapshot() -> None:
    maker = PlanMaker().loop("L").node("x", scope="L").node("y").edge("L -> y")
    played = Run(maker.build(), {"L": items(1, 2), "x": ok("v")}).start()
    while played.ended is None:
        played.state = snapshot_from_json(snapshot_to_json(played.state))
        played.move()
    assert played.ended == "completed"
    assert played.output_of("L") == ["v", "v"]


def test_stored_values_come_back_as_descriptors() -> None:
    stored = StoredValue("p1", 70_000, preview="[1")
    maker = PlanMaker().node("a").loop("L").node("x", scope="L").edge("a -> L")
    maker.node("r", reads=["a", "x"]).edge("L -> r")
    played = Run(maker.build(), {"a": ok(stored), "L": items(1), "x": ok(stored)}).start()
    while not any(call.instance == "r" for call in played.pending):
        played.move()
    restored = snapshot_from_json(snapshot_to_json(played.state))
    assert context_for(played.index, restored, "r").outputs == {"a": stored, "x": stored}


def test_a_snapshot_of_a_newer_flowray_is_refused() -> None:
    document = msgspec.json.decode(snapshot_to_json(Run(PlanMaker().build()).state))
    document["version"] = 99
    with pytest.raises(FlowrayError) as caught:
        snapshot_from_json(msgspec.json.encode(document))
    assert caught.value.code == "UNSUPPORTED_VERSION"
    assert "99" in caught.value.message
