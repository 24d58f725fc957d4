"""Node types are tested as the functions they are, and once in a workflow that runs in this process."""

from my_nodes import simulate, slug, tell

import flowray


def test_slug() -> None:
    assert slug("Größe: 3 Apples!", separator="_") == "gr_e_3_apples"


def test_simulate() -> None:
    assert simulate(10_000)["pi"] == simulate(10_000)["pi"]


def test_in_a_workflow() -> None:
    workflow = flowray.Workflow("Titles")
    start = workflow.node("start", "input", input_name="title")
    (
        start
        >> workflow.node("address", slug, text="{{title}}", max_length=9)
        >> workflow.node("told", tell, items=["a", "b"])
    )
    assert workflow.run({"title": "Hello, wide world"}, live=False).outputs == {"told": "a and b"}
