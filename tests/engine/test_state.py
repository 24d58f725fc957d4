"""Look-ups on the state."""

from __future__ import annotations

from flowray.engine.state import ContainerState, ExecutionState, NodeState, is_over, work_done
from flowray.engine.statuses import ExecutionStatus, NodeStatus
from flowray.values import Chunk
from tests.engine.harness import Run
from tests.engine.plans import PlanMaker


def test_node_looks_up_open_scopes_only() -> None:
    state = Run(PlanMaker().node("a").build()).start().state
    assert state.node("", "a") is not None
    assert state.node("", "b") is None
    assert state.node("L[0]", "a") is None


def test_ended_and_over() -> None:
    assert not ExecutionState().ended
    assert ExecutionState(status=ExecutionStatus.TIMED_OUT).ended
    assert is_over(NodeState(status=NodeStatus.SKIPPED))
    assert not is_over(NodeState(status=NodeStatus.WAITING))


def test_questions_are_numbered() -> None:
    assert ContainerState().question == 1
    assert [ContainerState(opened=True, next_index=index).question for index in (0, 1)] == [2, 3]


def test_what_a_container_has_asked_and_how_much_of_its_results_is_stored() -> None:
    container = ContainerState(asking=True, chunks=[Chunk("e.1", 9, 3)], collecting=5)
    assert (container.collected, container.questions, container.is_asking) == (3, (1, -4), True)
    assert (ContainerState().collected, ContainerState().questions, ContainerState().is_asking) == (0, (), False)
    assert ContainerState(collecting=1).is_asking


def test_work_done_empties_the_work_lists() -> None:
    state = ExecutionState(agenda=[("", "a")], finished_scopes=["L[0]"], dropped=["a"])
    work_done(state)
    assert (state.agenda, state.finished_scopes, state.dropped) == ([], [], [])
