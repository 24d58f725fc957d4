from flowray.drawing.edges import plan_edges, scope_edges
from flowray.drawing.layout import layout
from flowray.drawing.view import layout_view
from flowray.plan import ExecutionPlan, PlanEdge
from tests.engine.plans import PlanMaker


def repeating(origin: str) -> ExecutionPlan:
    repeat = PlanEdge(id="again", source="cycle", target="cycle", handle="retry", origin=origin)
    maker = PlanMaker().loop("cycle", mode="implicit", repeats=(repeat,))
    maker.chain("try", "check", scope="cycle").node("end")
    return maker.edge("cycle -> end").build()


def test_r5_what_repeats_a_body_leads_back_to_its_head() -> None:
    plan = repeating("check")
    again = scope_edges(plan, "cycle")[-1]
    assert (again.id, again.source, again.target, again.kind) == ("again", "check", "try", "goto")
    assert len(plan_edges(plan)) == 3
    points = layout(plan).routes["again"].points
    assert points[0][1] > points[-1][1]


def test_r5_a_node_that_repeats_itself_has_an_edge_around_it() -> None:
    plan = repeating("try")
    box, points = layout(plan).nodes["try"], layout(plan).routes["again"].points
    assert (points[0][1], points[-1][1]) == (box.bottom, box.y)
    assert max(x for x, _ in points) > box.x + box.width
    (view,) = [edge for edge in layout_view(plan)["edges"] if edge["id"] == "again"]
    assert (view["kind"], view["label"]["text"], view["tip"]["up"]) == ("goto", "retry", False)


def test_other_scopes_keep_their_edges() -> None:
    plan = PlanMaker().chain("a", "b").build()
    assert scope_edges(plan, "") == list(plan.scopes[""].edges)
