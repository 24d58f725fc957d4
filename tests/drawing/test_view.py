import json

from flowray.drawing.view import MARGIN, layout_view
from tests.drawing.test_layout import nested
from tests.engine.plans import PlanMaker


def test_a_view_is_json_with_all_that_a_drawer_needs() -> None:
    plan = nested()
    view = json.loads(json.dumps(layout_view(plan)))
    assert [group["id"] for group in view["groups"]] == ["each", "par"]
    by_id = {item["id"]: item for item in [*view["nodes"], *view["groups"]]}
    assert set(by_id) == set(plan.nodes)
    assert (by_id["ask"]["parent"], by_id["par"]["parent"], by_id["in"]["parent"]) == ("par", "each", None)
    assert (by_id["each"]["role"], by_id["ok"]["role"]) == ("loop", "branch")
    assert min(item["x"] for item in by_id.values()) >= MARGIN
    assert max(item["x"] + item["width"] for item in by_id.values()) <= view["width"] - MARGIN


def test_edges_name_their_kind_their_label_and_where_they_end() -> None:
    plan = PlanMaker().branch("c").node("a").node("b").edge("c true-> a", "c error-> b").build()
    true, error = layout_view(plan)["edges"]
    assert (true["source"], true["target"], true["handle"], true["kind"]) == ("c", "a", "true", "flow")
    assert (true["label"]["text"], error["kind"]) == ("true", "error")
    node = next(node for node in layout_view(plan)["nodes"] if node["id"] == "a")
    assert true["tip"] == {"x": round(node["x"] + node["width"] / 2, 1), "y": node["y"], "up": False}
    assert true["path"].startswith("M")


def test_an_exit_edge_names_the_node_that_fires_it() -> None:
    exits = [edge for edge in layout_view(nested())["edges"] if edge["kind"] == "exit"]
    assert [(edge["source"], edge["target"], edge["handle"]) for edge in exits] == [("ok", "stopped", "false")]


def test_an_edge_back_has_its_tip_upwards() -> None:
    plan = PlanMaker().chain("a", "b").start("a").edge("b goto-> a").build()
    assert [edge["tip"]["up"] for edge in layout_view(plan)["edges"]] == [False, True]
