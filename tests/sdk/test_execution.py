import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.sdk.session import LocalSession
from flowray.sdk.workflow import Workflow


def waits() -> Workflow:
    workflow = Workflow("Waits")
    workflow.node("in", "input") >> workflow.node("nap", "wait", duration=60, unit="seconds")
    return workflow


def fails() -> Workflow:
    workflow = Workflow("Fails")
    start = workflow.node("in", "input")
    start >> workflow.node("bad", "no-such-type")
    start >> workflow.node("out", "output", output_name="partly", value="there")
    return workflow


def test_a_completed_execution_gives_its_result(session: LocalSession) -> None:
    workflow = Workflow("Adds")
    workflow.node("in", "input") >> workflow.node("out", "output", output_name="sum", value="{{inputs.a + inputs.b}}")
    execution = workflow.run({"a": 1, "b": 2}, session=session)
    assert (execution.status, execution.outputs, execution.error) == ("completed", {"sum": 3}, None)
    assert execution.result() == {"sum": 3}
    assert execution.state.completed_nodes == ["in", "out"]
    assert [row["node_id"] for row in execution.logs()] == ["in", "out"]
    assert [event["type"] for event in execution.events()][-1] == "execution.completed"
    assert repr(execution) == f"<execution {execution.id} of 'Adds': completed>"


def test_a_failed_one_tells_why_and_keeps_what_there_was(session: LocalSession) -> None:
    execution = fails().run({}, session=session)
    assert execution.status == "failed"
    assert execution.outputs == {"partly": "there"}
    assert (execution.error["code"], execution.error["node_id"]) == ("UNKNOWN_NODE_TYPE", "bad")
    with pytest.raises(FlowrayError, match="no-such-type") as caught:
        execution.result()
    assert caught.value.code is ErrorCode.UNKNOWN_NODE_TYPE


def test_it_draws_itself_with_the_states_of_its_nodes(session: LocalSession) -> None:
    execution = fails().run({}, session=session)
    assert 'class="fr-node failed" data-node="bad"' in execution.svg()
    html = execution._repr_html_()
    assert 'class="fr-node completed" data-node="out"' in html
    assert "UNKNOWN_NODE_TYPE" in html


def test_a_running_one_can_be_looked_at_and_cancelled(session: LocalSession) -> None:
    execution = waits().start({}, session=session)
    for event in execution.events():
        if event["type"] == "node.waiting":
            break
    assert execution.state.statuses()["nap"] == "waiting"
    assert execution.outputs is None
    with pytest.raises(TimeoutError, match="is still waiting after 0 s"):
        execution.wait(timeout_s=0)
    assert execution.cancel("enough").wait(timeout_s=30).status == "cancelled"
    with pytest.raises(FlowrayError) as caught:
        execution.result()
    assert caught.value.code is ErrorCode.EXECUTION_CANCELLED


def test_it_runs_again_from_a_node_with_what_was_before_it(session: LocalSession) -> None:
    """R53."""
    workflow = Workflow("Steps")
    first = workflow.node("in", "input", input_name="x")
    double = workflow.node("double", "transform", operation="custom", expression="x * 2")
    first >> double >> workflow.node("out", "output", output_name="y", value="{{double}}")
    done = workflow.run({"x": 4}, session=session)
    again = done.rerun(from_node="out", pins={"double": 100}).wait()
    assert (again.outputs, again._record()["rerun_of"]) == ({"y": 100}, done.id)
    assert [row["lane"] for row in again.logs() if row["node_id"] != "out"] == ["reused", "pinned"]
    assert (done.rerun({"x": 5}).wait().outputs, done.rerun(until_node="double").wait().outputs) == (
        {"y": 10}, {"double": 8},
    )  # fmt: skip
    definition = workflow.to_dict()
    definition["nodes"]["double"]["config"]["expression"] = "x * 3"
    edited = done.rerun(from_node="double", definition=definition).wait()
    assert edited.outputs == {"y": 12}
    with pytest.raises(FlowrayError) as caught:
        done.rerun(from_node="nowhere")
    assert caught.value.code is ErrorCode.INVALID_START_POINT
