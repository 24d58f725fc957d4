from typing import Any

from flowray.client.live_state import LiveState, NodeState


def state_of(*events: dict[str, Any]) -> LiveState:
    state = LiveState()
    state.apply({"seq": index + 1, **event} for index, event in enumerate(events))
    return state


def node(what: str, node_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"node.{what}", "node_id": node_id, "instance": node_id, "attempt": 1, **fields}


def token(offset: int, text: str) -> dict[str, Any]:
    return node("token", "ask", stream_id="llm-ask", offset=offset, text=text)


def test_it_follows_an_execution_from_start_to_outputs() -> None:
    state = state_of(
        {"type": "execution.started"}, node("started", "a"), node("completed", "a", handles=["true"]),
        node("skipped", "b"), node("started", "c"),
    )  # fmt: skip
    assert (state.status, state.current_node, state.completed_nodes) == ("running", "c", ["a"])
    assert state.statuses() == {"a": "completed", "b": "skipped", "c": "running"}
    assert state.handles() == {"a": frozenset({"true"})}
    state.apply([{"seq": 6, **node("completed", "c")}, {"seq": 7, "type": "execution.completed", "outputs": {"x": 1}}])
    assert (state.status, state.is_complete, state.output, state.current_node) == ("completed", True, {"x": 1}, None)


def test_events_seen_before_change_nothing() -> None:
    state = state_of(token(0, "Hi"))
    state.apply([{"seq": 1, **token(2, " again")}])
    assert state.llm_streams[0].text == "Hi"


def test_text_is_joined_by_offset_and_taken_back_by_a_reset() -> None:
    state = state_of(token(0, "Dear "), token(5, "Ada 🙂"), token(5, "Bob"))
    assert [(one.node_id, one.text) for one in state.llm_streams] == [("ask", "Dear Bob")]
    state.apply([{"seq": 4, "type": "stream.reset", "node_id": "ask", "stream_id": "llm-ask", "attempt": 1}])
    assert state.llm_streams[0].text == ""


def test_a_node_of_a_loop_shows_its_most_telling_instance_and_how_far_it_is() -> None:
    state = state_of(
        node("started", "each"), {"type": "scope.opened", "node_id": "each", "instance": "each", "total": 3},
        node("completed", "x", instance="each[0]/x"), {"type": "scope.completed", "node_id": "each", "index": 0},
        node("started", "x", instance="each[1]/x"),
    )  # fmt: skip
    assert state.statuses() == {"each": "running", "x": "running"}
    assert state.badges() == {"each": "1/3", "x": "1/2"}
    state.apply([{"seq": 6, **node("completed", "x", instance="each[1]/x")}])
    assert state.statuses()["x"] == "completed"


def test_the_current_node_is_the_last_to_begin_and_then_the_first_that_still_runs() -> None:
    state = state_of(*(node("started", node_id) for node_id in "abc"), node("completed", "a"))
    assert state.current_node == "c"
    state.apply([{"seq": 5, **node("completed", "c")}])
    assert state.current_node == "b"
    state.apply([{"seq": 6, **node("failed", "b")}])
    assert state.current_node is None


def test_an_event_costs_the_same_however_many_nodes_there_are() -> None:
    """A long chain is followed event by event: looking through all its nodes for each would take minutes."""

    class Counting(dict[str, NodeState]):
        looks = 0

        def items(self) -> Any:
            Counting.looks += 1
            return super().items()

    state = LiveState(nodes=Counting())
    for number in range(50):
        state.apply([{"seq": 2 * number + 1, **node("started", f"n{number}")}])
        state.apply([{"seq": 2 * number + 2, **node("completed", f"n{number}")}])
    assert (state.completed_nodes, Counting.looks) == ([f"n{number}" for number in range(50)], 0)


def test_a_retry_waits_and_says_which_attempt_it_is() -> None:
    state = state_of(node("started", "a"), node("retrying", "a"), node("started", "a", attempt=2))
    assert (state.statuses(), state.badges()) == ({"a": "running"}, {"a": "attempt 2"})


def test_failure_crash_and_pause_are_told() -> None:
    error = {"message": "no", "code": "NODE_FAILED"}
    assert state_of({"type": "execution.failed", "error": error, "outputs": {}}).error == error
    crashed = state_of({"type": "execution.crashed", "reason": "too often"})
    assert crashed.error == {"message": "too often", "code": "EXECUTION_CRASHED"}
    paused = state_of({"type": "execution.started"}, {"type": "execution.paused"})
    assert (paused.is_paused, paused.is_complete) == (True, False)
    cancelling = state_of({"type": "execution.started"}, {"type": "execution.cancelling"})
    assert cancelling.status == "running"


def test_nodes_that_were_taken_over_count_as_what_they_were() -> None:
    state = state_of(
        {"type": "node.reused", "node_id": "a", "instance": "a", "handles": ["yes"]},
        {"type": "node.reused", "node_id": "b", "instance": "b", "failed": True},
    )
    assert (state.statuses(), state.completed_nodes) == ({"a": "completed", "b": "failed"}, ["a"])
    assert state.handles() == {"a": frozenset({"yes"})}


def test_a_reset_takes_back_only_what_follows_its_offset() -> None:
    state = state_of(token(0, "Dear "), token(5, "Ada 🙂"))
    reset = {"type": "stream.reset", "node_id": "ask", "stream_id": "llm-ask", "attempt": 2, "offset": 5}
    state.apply([{"seq": 3, **reset}])
    assert state.llm_streams[0].text == "Dear "
