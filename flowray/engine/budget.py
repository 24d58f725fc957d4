"""What an execution may spend on models, and its end once it has spent more. Counts what nodes report; no prices."""

from __future__ import annotations

import msgspec

from flowray.engine import events as ev
from flowray.engine.commands import EndExecution
from flowray.engine.endings import stop_open
from flowray.engine.outputs import execution_outputs
from flowray.engine.signals import Budget, NodeError, Usage
from flowray.engine.turn import Turn
from flowray.errors import ErrorCode
from flowray.plan import PlanSettings


def agreed(settings: PlanSettings, given: Budget | None) -> Budget | None:
    """The tighter of what the workflow and its starter allow; None if neither sets a bound."""
    asked = given or Budget()
    tokens = [bound for bound in (settings.max_tokens, asked.max_tokens) if bound is not None]
    costs = [bound for bound in (settings.max_cost, asked.max_cost) if bound is not None]
    if not tokens and not costs:
        return None
    return Budget(min(tokens, default=None), min(costs, default=None))


def ended_by_budget(turn: Turn) -> bool:
    """End the execution if more is spent than it may. What is decided by a ``finish`` stays decided (R9)."""
    state = turn.state
    if state.budget is None or state.finishing:
        return False
    error = _exceeded(state.budget, state.usage)
    if error is None:
        return False
    stop_open(turn, "the execution's budget is spent")
    outputs = execution_outputs(turn.index, state)
    turn.emit(
        ev.ExecutionFailed(ts=turn.ts, error=error, errors=(error, *state.errors), outputs=outputs, usage=state.usage)
    )
    turn.command(EndExecution(state.status.value))
    return True


def _exceeded(budget: Budget, usage: Usage) -> NodeError | None:
    tokens = usage.input_tokens + usage.output_tokens
    said = []
    if budget.max_tokens is not None and tokens > budget.max_tokens:
        said.append(f"{tokens} tokens of {budget.max_tokens}")
    if budget.max_cost is not None and (usage.cost or 0.0) > budget.max_cost:
        said.append(f"{usage.cost:.6g} {usage.currency or 'USD'} of {budget.max_cost:.6g}")
    if not said:
        return None
    return NodeError(
        message=f"The execution has spent more than its budget: {' and '.join(said)}",
        code=ErrorCode.BUDGET_EXCEEDED.value,
        details={"budget": msgspec.to_builtins(budget), "tokens": tokens, "cost": usage.cost},
        hint="raise maxTokens or maxCost, of the workflow's settings or of the start, or ask smaller models",
    )
