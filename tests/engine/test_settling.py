"""Edges settle once, per scope instance; outputs are released by their last reader."""

from __future__ import annotations

from flowray.engine.folding import apply
from flowray.engine.machine import new_state
from flowray.engine.plan_index import PlanIndex
from flowray.engine.settling import fire_exits, release_reads, settle
from tests.engine.harness import Run, items, route, run
from tests.engine.plans import PlanMaker


def test_r1_settle_counts_down_and_notes_who_is_next() -> None:
    played = Run(PlanMaker().branch("c").node("a").node("b").edge("c x-> a", "c y-> b", "c -> b").build()).start()
    scope = played.state.scopes[""]
    assert settle(played.index, played.state, scope, "", "c", ("x",), ())
    assert list(scope.edges.values()) == [True, False, False]
    assert (scope.nodes["a"].live, scope.nodes["b"].live) == (1, 0)
    assert played.state.agenda == [("", "a"), ("", "b")]


def test_r4_exit_edges_of_a_body_node_are_noted_once() -> None:
    maker = PlanMaker().loop("L").branch("c", scope="L").node("out").edge("c stop-> out").start("L")
    played = Run(maker.build(), {"L": items(1)}).start()
    played.finish("L")
    container = played.state.containers["L"]
    for _ in range(2):
        assert fire_exits(played.index, played.state, "L[0]", "c", ("stop",))
    assert len(container.exits) == 1
    assert not fire_exits(played.index, played.state, "L[0]", "c", ("go",))


def test_r1_edges_of_each_iteration_are_its_own() -> None:
    maker = PlanMaker().loop("L", max_concurrency=2).branch("c", scope="L").node("x", scope="L").edge("c go-> x")
    played = Run(maker.build(), {"L": items(1, 2), "L[0]/c": route("go"), "L[1]/c": route("no")}).start()
    for instance in ("L", "L[0]/c"):
        played.finish(instance)
    assert [len(played.state.scopes[scope].edges) for scope in ("L[0]", "L[1]")] == [1, 0]
    assert played.play().ended == "completed"


def test_r7_release_ignores_inner_scopes() -> None:
    played = Run(PlanMaker().node("a").node("r", reads=["a"]).edge("a -> r").build()).start()
    release_reads(played.index, played.state, played.state.scopes[""], "L[0]", "r")
    assert played.state.readers_left == {"a": 1}


def test_r1_every_edge_of_an_ended_execution_is_settled() -> None:
    played = run(PlanMaker().branch("c").chain("a", "b").edge("c x-> a").build(), {"c": route("y")})
    assert played.state.scopes[""].edges == {"e0:a>b": False, "e1:c>a": False}
    fresh = new_state()
    for event in played.events:
        apply(PlanIndex(played.plan), fresh, event)
    assert fresh.scopes[""].edges == played.state.scopes[""].edges
