"""Layouts of plans: nothing overlaps, edges go down, bodies lie in their groups, and all of it fast and repeatable."""

import random
from itertools import combinations, pairwise

import pytest

from flowray.drawing.geometry import Box
from flowray.drawing.layout import layout
from flowray.plan import ExecutionPlan
from tests.engine.plans import PlanMaker
from tests.timing import cpu_seconds


def nested() -> ExecutionPlan:
    maker = PlanMaker().node("in").loop("each").node("fetch", scope="each").branch("ok", scope="each")
    maker.parallel("par", scope="each").chain("ask", "rate", scope="par").node("sum").node("stopped").node("failed")
    maker.edge("in -> each", "fetch -> ok", "ok true-> par", "each -> sum", "each error-> failed", "ok false-> stopped")
    return maker.build()


def contains(outer: Box, inner: Box) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.bottom <= outer.bottom
    )


def overlap(one: Box, other: Box) -> bool:
    apart = one.x + one.width <= other.x or other.x + other.width <= one.x
    return not (apart or one.bottom <= other.y or other.bottom <= one.y)


def random_plan(count: int, seed: int) -> ExecutionPlan:
    chance, maker = random.Random(seed), PlanMaker()
    for index in range(count):
        maker.node(f"n{index}")
    for index in range(1, count):
        for _ in range(2):
            maker.edge(f"n{chance.randrange(max(0, index - 40), index)} -> n{index}")
    return maker.build()


def test_every_node_and_edge_has_a_place() -> None:
    plan = nested()
    placed = layout(plan)
    assert list(placed.groups) == ["each", "par"]
    assert list(placed.nodes) == ["in", "fetch", "ok", "ask", "rate", "sum", "stopped", "failed"]
    assert set(placed.routes) == {edge.id for scope in plan.scopes.values() for edge in scope.edges}


def test_a_body_lies_inside_its_group_and_nothing_else_does() -> None:
    placed = layout(nested())
    each, par = placed.groups["each"], placed.groups["par"]
    assert all(contains(each, placed.nodes[node_id]) for node_id in ("fetch", "ok"))
    assert contains(each, par)
    assert all(contains(par, placed.nodes[node_id]) for node_id in ("ask", "rate"))
    assert not any(overlap(each, placed.nodes[node_id]) for node_id in ("in", "sum", "stopped", "failed"))


def test_r4_an_exit_edge_begins_at_the_node_that_fires_it() -> None:
    plan = nested()
    placed = layout(plan)
    (exit_edge,) = [edge for edge in plan.scopes[""].edges if edge.kind == "exit"]
    points = placed.routes[exit_edge.id].points
    assert points[0][1] == placed.nodes["ok"].bottom
    assert abs(points[0][0] - placed.nodes["ok"].centre) < placed.nodes["ok"].width / 2
    assert points[-1] == pytest.approx((placed.nodes["stopped"].centre, placed.nodes["stopped"].y))
    inside = [x for x, y in points if placed.groups["par"].y < y < placed.groups["par"].bottom]
    assert not any(placed.groups["par"].x < x < placed.groups["par"].x + placed.groups["par"].width for x in inside)


@pytest.mark.parametrize("seed", range(5))
def test_no_boxes_overlap_and_edges_go_from_bottom_to_top(seed: int) -> None:
    plan = random_plan(60, seed)
    placed = layout(plan)
    assert not any(overlap(one, other) for one, other in combinations(placed.nodes.values(), 2))
    for edge in plan.scopes[""].edges:
        points = placed.routes[edge.id].points
        assert points[0][1] == placed.nodes[edge.source].bottom
        assert points[-1] == (placed.nodes[edge.target].centre, placed.nodes[edge.target].y)
        assert all(above[1] <= below[1] for above, below in pairwise(points))
        assert len(points) % 2 == 0
    assert max(box.x + box.width for box in placed.nodes.values()) <= placed.width
    assert max(box.bottom for box in placed.nodes.values()) <= placed.height


def test_handles_of_a_branch_leave_at_points_of_their_own() -> None:
    plan = PlanMaker().branch("c").node("a").node("b").edge("c true-> a", "c false-> b").build()
    placed = layout(plan)
    true, false = (placed.routes[edge.id].points[0][0] for edge in plan.scopes[""].edges)
    assert true < placed.nodes["c"].centre < false


def test_an_edge_back_runs_upwards() -> None:
    plan = PlanMaker().chain("a", "b").start("a").edge("b goto-> a").build()
    back = layout(plan).routes[plan.scopes[""].edges[1].id].points
    assert back[0][1] > back[-1][1]


def test_an_empty_body_and_an_empty_plan_have_a_size() -> None:
    assert layout(PlanMaker().loop("each").build()).groups["each"].height > 0
    assert (layout(PlanMaker().build()).width, layout(PlanMaker().build()).height) == (0.0, 0.0)


def test_the_same_plan_is_laid_out_the_same() -> None:
    assert layout(random_plan(80, 3)) == layout(random_plan(80, 3))


def test_500_nodes_take_less_than_half_a_second_of_cpu() -> None:
    plan = random_plan(500, 1)
    seconds, _ = cpu_seconds(lambda: layout(plan), rounds=3)
    assert seconds < 0.5
