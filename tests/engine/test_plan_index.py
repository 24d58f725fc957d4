"""Look-up tables over a plan."""

from __future__ import annotations

from flowray.engine.plan_index import PlanIndex, edge_lives
from flowray.plan import PlanEdge
from tests.engine.plans import PlanMaker


def test_waits_count_every_edge_flows_not_the_ordering_ones() -> None:
    maker = PlanMaker().node("a").node("b").node("j").edge("a -> j", "b -> j").edge("b -> j", kind="ordering")
    known = PlanIndex(maker.build()).nodes["j"]
    assert (known.waits, known.flows) == (3, 2)


def test_readers_inside_containers_count_as_their_root_container() -> None:
    maker = PlanMaker().node("a").loop("L").loop("M", scope="L").node("x", scope="M", reads=["a"])
    maker.node("y", scope="L", reads=["a"]).node("r", reads=["a", "x"])
    index = PlanIndex(maker.build())
    assert index.reader_counts == {"a": 2}
    assert index.nodes["L"].releases == ("a",)
    assert index.nodes["r"].releases == ("a",)
    assert index.nodes["x"].releases == ()
    assert index.chains["x"] == ("L", "M")
    assert index.carried == {"x"}


def test_exit_edges_belong_to_their_origin_and_are_settled_by_their_loop() -> None:
    maker = PlanMaker().loop("L").node("x", scope="L").node("h").edge("x error-> h").start("L")
    index = PlanIndex(maker.build())
    assert [edge.target for edge in index.nodes["x"].exits] == ["h"]
    assert index.nodes["x"].has_error_edge
    assert not index.nodes["L"].has_error_edge
    assert [edge.target for edge in index.nodes["L"].outgoing] == ["h"]
    assert index.nodes["h"].flows == 1


def test_terminals_are_body_nodes_that_nothing_follows_on_success() -> None:
    maker = PlanMaker().loop("L").node("w", scope="L").node("x", scope="L").node("h", scope="L")
    index = PlanIndex(maker.edge("w -> x", "x error-> h").build())
    assert index.terminals == {"L": ("x", "h")}


def test_which_edges_live() -> None:
    def edge(handle: str) -> PlanEdge:
        return PlanEdge(id="e", source="a", target="b", handle=handle)

    assert [edge_lives(edge(handle), None) for handle in ("source", "x", "error", "goto")] == [True, True, False, False]
    assert [edge_lives(edge(handle), ("error",)) for handle in ("source", "error")] == [False, True]
    assert not edge_lives(edge("source"), ())
