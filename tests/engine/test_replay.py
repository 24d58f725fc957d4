"""Recovery is a fold of the commits."""

from __future__ import annotations

from flowray.engine.replay import replay
from flowray.engine.snapshot import snapshot_from_json, snapshot_to_json
from tests.engine.harness import items, run
from tests.engine.plans import PlanMaker


def test_r29_a_log_folds_to_the_live_state_from_the_start_or_from_any_snapshot() -> None:
    maker = PlanMaker().loop("L").node("x", scope="L").node("y").edge("L -> y")
    played = run(maker.build(), {"L": items(1, 2)})
    live = snapshot_to_json(played.state)
    assert snapshot_to_json(replay(played.index, played.log)) == live
    for cut in range(len(played.log)):
        snapshot = snapshot_to_json(replay(played.index, played.log[:cut]))
        assert snapshot_to_json(replay(played.index, played.log[cut:], snapshot_from_json(snapshot))) == live
