"""Work of a node in steps: each is committed with what the next one begins with, so that none is done twice (R23).

Between two steps a node may wait, for a person, a time or another workflow; it is told the answer and goes on. Which
attempt runs next, and when, is the machine's as for any ready node.
"""

from __future__ import annotations

from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.engine.signals import Answer, Signals, Step, Usage, VariableOperation
from flowray.engine.state import NodeState
from flowray.engine.turn import Turn
from flowray.values import as_value


def problem(signals: Signals) -> str | None:
    """Why these signals cannot go with a step: they are those of an end."""
    ends = (
        signals.selected_routes is not None, signals.activate_error_port, signals.is_terminal, signals.finish,
        bool(signals.loop_control),
    )  # fmt: skip
    return "asks for a further step and for what comes after the end of the node" if any(ends) else None


def done(turn: Turn, instance: str, node_id: str, state: NodeState, step: Step, result: st.AttemptSucceeded) -> None:
    """An attempt has done its step. A state that the lane has stored travels as its descriptor."""
    turn.emit(
        ev.NodeStepped(
            ts=turn.ts, instance=instance, node_id=node_id, attempt=state.attempt, step=state.step + 1, name=step.name,
            journal=as_value(step.state), output=result.output, variables=result.variables, usage=result.usage,
            stream_id=result.stream_id, started_at=result.started_at, input=step.input,
        )
    )  # fmt: skip


def answered(
    turn: Turn,
    instance: str,
    node_id: str,
    state: NodeState,
    answer: Answer,
    usage: Usage | None = None,
    variables: tuple[VariableOperation, ...] = (),
) -> None:
    """What the instance waited for has come, or will not: its next step is told."""
    turn.emit(
        ev.NodeAnswered(
            ts=turn.ts, instance=instance, node_id=node_id, attempt=state.attempt, step=state.step,
            output=answer.output, error=answer.error, by=answer.by, usage=usage, variables=variables,
            started_at=state.waiting_since,
        )
    )  # fmt: skip
