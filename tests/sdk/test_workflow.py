import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from flowray import node
from flowray.errors import DefinitionError, ErrorCode, FlowrayError
from flowray.sdk.execution import Execution
from flowray.sdk.session import LocalSession
from flowray.sdk.workflow import Workflow, run
from tests.rules.source import ROOT


def orders() -> Workflow:
    workflow = Workflow("Orders", variables={"rate": 2}, settings={"maxConcurrentNodes": 3})
    start = workflow.node("in", "input", name="Orders")
    with workflow.loop("each", items="inputs.orders", item_variable="order"):
        workflow.node("double", "variable", operation="set", variable_name="last", value="{{order * var.rate}}")
    check = workflow.node("many", "conditional", expression="each.length > 2")
    start >> workflow["each"] >> check
    check["true"] >> workflow.node("yes", "output", output_name="size", value="many")
    check["false"] >> workflow.node("no", "output", output_name="size", value="few")
    return workflow


def test_it_writes_a_definition() -> None:
    document = orders().to_dict()
    assert document["entryPoint"] == "in"
    assert document["variables"] == {"rate": {"default": 2}}
    assert document["nodes"]["in"] == {"type": "input", "config": {}, "name": "Orders"}
    assert document["nodes"]["double"]["parentId"] == "each"
    assert document["nodes"]["double"]["config"]["variableName"] == "last"
    assert document["edges"][2] == {"source": "many", "target": "yes", "sourceHandle": "true"}


def test_fields_of_the_engine_stand_beside_the_config() -> None:
    workflow = Workflow()
    workflow.node(
        "a", "http", url="x", timeout_ms=50, retry={"maxAttempts": 3}, config={"timeoutMs": 40, "odd_name": 1}
    )
    node = workflow.to_dict()["nodes"]["a"]
    assert node["config"] == {"url": "x", "timeoutMs": 40, "odd_name": 1}
    assert (node["timeoutMs"], node["retry"]) == (50, {"maxAttempts": 3})


def test_it_round_trips_through_json(session: LocalSession) -> None:
    workflow = orders()
    again = Workflow.load(workflow.to_json())
    assert again.plan(session) == workflow.plan(session)
    assert Workflow.load(again.to_dict()).to_dict() == again.to_dict()
    assert again["many"].type == "conditional"


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.*")), ids=lambda path: path.name)
def test_every_example_loads_from_its_path_and_draws(path: Path, session: LocalSession) -> None:
    workflow = Workflow.load(path)
    assert workflow.plan(session) == Workflow.load(str(path)).plan(session)
    ElementTree.fromstring(workflow._repr_mimebundle_()["image/svg+xml"])


def test_it_runs_in_this_process(session: LocalSession) -> None:
    execution = orders().run({"orders": [1, 2, 3]}, session=session)
    assert execution.outputs == {"size": "many"}
    assert execution.state.badges()["each"] == "3/3"
    assert run(orders().to_dict(), {"orders": [1]}, session=session).outputs == {"size": "few"}


def test_an_id_is_given_once() -> None:
    workflow = Workflow()
    workflow.node("a", "input")
    with pytest.raises(FlowrayError, match="already a node 'a'") as caught:
        workflow.node("a", "output")
    assert caught.value.code is ErrorCode.INVALID_DEFINITION


def test_nodes_of_two_workflows_cannot_be_connected() -> None:
    one, other = Workflow(), Workflow()
    with pytest.raises(FlowrayError, match="'b' is not of this workflow"):
        one.node("a", "input") >> other.node("b", "output")


def test_an_unfinished_workflow_shows_what_is_missing(session: LocalSession) -> None:
    workflow = Workflow("Empty")
    bundle = workflow._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert workflow.check(session)[0]["severity"] == "error"
    with pytest.raises(DefinitionError):
        workflow.run({}, session=session)


def test_warnings_are_told_and_do_not_stop_it(session: LocalSession) -> None:
    workflow = Workflow()
    workflow.node("in", "input") >> workflow.node("odd", "no-such-type")
    assert [finding["code"] for finding in workflow.check(session)] == ["UNKNOWN_NODE_TYPE"]
    assert "n0 --> n1" in workflow.mermaid()


def test_an_interrupt_cancels_the_execution(session: LocalSession, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Execution] = []

    def interrupted(self: Execution, timeout_s: float | None = None, *, live: bool = False) -> Execution:
        seen.append(self)
        raise KeyboardInterrupt

    workflow = Workflow("Long")
    workflow.node("in", "input") >> workflow.node("nap", "wait", duration=60, unit="seconds")
    wait = Execution.wait
    monkeypatch.setattr(Execution, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        workflow.run({}, session=session)
    assert wait(seen[0], timeout_s=30).status == "cancelled"


def test_a_path_to_nothing_is_no_definition() -> None:
    with pytest.raises(FileNotFoundError):
        Workflow.load("nowhere.json")
    assert json.loads(Workflow("x").to_json()) == {"schemaVersion": 1, "name": "x", "nodes": {}, "edges": []}


def test_a_function_can_stand_where_a_type_stands(session: LocalSession) -> None:
    @node
    def add_tax(amount: float, rate: float = 0.2) -> float:
        """With tax."""
        return round(amount * (1 + rate), 2)

    workflow = Workflow("Taxed")
    start = workflow.node("in", "input", input_name="amount")
    (
        start
        >> workflow.node("taxed", add_tax, amount="{{amount}}")
        >> workflow.node("out", "output", output_name="total", value="{{taxed}}")
    )
    assert workflow.to_dict()["nodes"]["taxed"] == {"type": "add_tax", "config": {"amount": "{{amount}}"}}
    assert workflow.run({"amount": 10}, session=session, live=False).outputs == {"total": 12.0}


def test_node_types_may_come_along_with_a_run(session: LocalSession) -> None:
    @node
    def subtract_discount(amount: float) -> float:
        """Less."""
        return amount - 1

    workflow = Workflow("Less")
    workflow.node("in", "input", input_name="amount") >> workflow.node("less", "subtract_discount", amount="{{amount}}")
    execution = run(workflow, {"amount": 3}, session=session, live=False, nodes=[subtract_discount])
    assert execution.outputs == {"less": 2.0}
