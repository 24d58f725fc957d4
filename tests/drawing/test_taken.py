from flowray.drawing.taken import taken_edges
from flowray.plan import ExecutionPlan
from tests.drawing.test_layout import nested
from tests.engine.plans import PlanMaker


def pairs(plan: ExecutionPlan, found: frozenset[str]) -> list[str]:
    edges = [edge for scope in plan.scopes.values() for edge in scope.edges]
    return [f"{edge.source}>{edge.target}" for edge in edges if edge.id in found]


def test_an_edge_is_taken_if_its_source_completed_and_its_target_was_reached() -> None:
    plan = PlanMaker().branch("c").node("a").node("b").edge("c true-> a", "c false-> b").build()
    assert pairs(plan, taken_edges(plan, {"c": "completed", "a": "ready", "b": "skipped"})) == ["c>a"]
    assert pairs(plan, taken_edges(plan, {"c": "running"})) == []


def test_what_a_branch_selected_decides_where_it_is_known() -> None:
    plan = PlanMaker().branch("c").node("a").edge("c true-> a", "c false-> a").build()
    statuses = {"c": "completed", "a": "completed"}
    assert len(taken_edges(plan, statuses)) == 2
    (found,) = taken_edges(plan, statuses, {"c": frozenset({"false"})})
    assert found == plan.scopes[""].edges[1].id


def test_an_error_edge_is_taken_only_by_a_failure() -> None:
    plan = PlanMaker().node("a").node("ok").node("bad").edge("a -> ok", "a error-> bad").build()
    assert pairs(plan, taken_edges(plan, {"a": "failed", "bad": "completed", "ok": "skipped"})) == ["a>bad"]


def test_ordering_edges_are_waited_for_and_never_taken() -> None:
    plan = PlanMaker().node("a").node("b").edge("a -> b", kind="ordering").build()
    assert taken_edges(plan, {"a": "completed", "b": "completed"}) == frozenset()


def test_r4_an_exit_edge_is_taken_if_its_origin_selected_it() -> None:
    plan = nested()
    statuses = {"ok": "completed", "stopped": "completed"}
    (found,) = taken_edges(plan, statuses, {"ok": frozenset({"false"})})
    assert next(edge for edge in plan.scopes[""].edges if edge.id == found).kind == "exit"
