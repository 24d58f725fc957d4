import json

from flowray.api.views.plans import plan_answer
from tests.engine.plans import PlanMaker


async def test_a_plan_has_places_only_on_request() -> None:
    plan = PlanMaker().chain("a", "b").build()
    bare = json.loads((await plan_answer(plan, False)).body)
    drawn = json.loads((await plan_answer(plan, True)).body)
    assert "layout" not in bare
    layout = drawn.pop("layout")
    assert drawn == bare
    assert [node["id"] for node in layout["nodes"]] == ["a", "b"]
    assert layout["edges"][0]["path"].startswith("M")
