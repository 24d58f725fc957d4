"""The whole state as JSON and back; the harness round-trips it after every step of every engine test."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from flowray.engine import stimuli as st
from flowray.engine.context import context_for
from flowray.engine.snapshot import snapshot_from_json, snapshot_to_json
from flowray.engine.state import STATE_VERSION
from flowray.errors import FlowrayError
from flowray.values import StoredValue
from tests.engine.harness import Run, asks, items, ok, run
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


# -- versions (L10) -----------------------------------------------------------------------------------------------

FIRST = Path(__file__).parent / "snapshots" / "version-1.json"
"""As the first version wrote it: without its number."""


def waits_in_a_loop() -> Run:
    """Large and small outputs, a loop in its second round, and a person who is asked there."""
    maker = PlanMaker().node("a").loop("L").node("p", scope="L").edge("a -> L").node("r", reads=["a"]).edge("L -> r")
    stored = StoredValue("e1.0f", 70_000, preview="[1")
    script = {"a": ok(stored), "L": items("x", "y"), "p": asks(token="wp_t", expected_input={"type": "string"})}
    played = run(maker.build(), script)
    played.send(st.WaitAnswered(ts=played.now, waitpoint="L[0]/p#1", data="one"))
    played.play()
    return played


def test_l10_a_snapshot_of_the_first_version_goes_on() -> None:
    played = waits_in_a_loop()
    restored = snapshot_from_json(FIRST.read_bytes())
    assert "version" not in msgspec.json.decode(FIRST.read_bytes())
    assert list(restored.waiting) == ["L[1]/p"]
    assert restored.scopes[""].nodes["a"].output == StoredValue("e1.0f", 70_000, preview="[1")
    played.state = restored
    played.send(st.WaitAnswered(ts=played.now, waitpoint="L[1]/p#1", data="two"))
    assert played.play().ended == "completed"
    assert played.output_of("L") == ["one", "two"]


def test_l10_a_snapshot_says_its_version_although_it_is_the_default() -> None:
    state = Run(PlanMaker().build()).state
    assert msgspec.json.decode(snapshot_to_json(state))["version"] == STATE_VERSION
    assert snapshot_from_json(b"{}") == snapshot_from_json(snapshot_to_json(type(state)()))


def test_l10_an_older_snapshot_is_brought_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowray.engine.snapshot.STATE_VERSION", STATE_VERSION + 1)
    steps = {STATE_VERSION: lambda old: {**old, "variables": {"from": old["version"]}}}
    monkeypatch.setattr("flowray.engine.snapshot.STEPS", steps)
    document = msgspec.json.decode(FIRST.read_bytes())
    restored = snapshot_from_json(msgspec.json.encode({**document, "version": STATE_VERSION}))
    assert restored.variables == {"from": STATE_VERSION}
    assert restored.containers["L"].results == {0: "one"}
