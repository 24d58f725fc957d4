"""A sandbox without a process: for unit tests of what uses one. Bounds time where the engines do; confines nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.programs import Program, ProgramResult
from flowray.runtime.sandbox.calls import FunctionCall, JsonataCall, ProgramCall, SandboxLimits
from flowray.runtime.sandbox.evaluation import evaluate
from flowray.runtime.sandbox.results import check_length, check_program, program_result, value_of
from flowray.values import Json, encode_json


class InlineSandbox:
    """Evaluates in the calling thread. Never for expressions of other people: memory and regexes are not bounded."""

    def __init__(self, limits: SandboxLimits | None = None) -> None:
        self._limits = limits or SandboxLimits()

    async def jsonata(self, expression: str, data: Json, bindings: Mapping[str, Json], timeout_ms: int) -> Json:
        """As Sandbox says."""
        check_length("JSONata", expression, self._limits)
        given = encode_json(data), encode_json(dict(bindings))
        outcome = evaluate(JsonataCall(expression, *given, timeout_ms, self._limits.output_bytes))
        return value_of(outcome, "JSONata", expression, timeout_ms, self._limits)

    async def javascript(self, function: str, arguments: Sequence[Json], timeout_ms: int) -> Json:
        """As Sandbox says."""
        check_length("JavaScript", function, self._limits)
        limits = self._limits
        call = FunctionCall(
            function, encode_json(list(arguments)), timeout_ms, limits.memory_bytes, limits.output_bytes
        )
        return value_of(evaluate(call), "JavaScript", function, timeout_ms, limits)

    async def program(self, program: Program) -> ProgramResult:
        """As ProgramRunner says, for JavaScript; raises FORBIDDEN for all else."""
        check_program(program, self._limits)
        if program.engine != "quickjs":
            raise FlowrayError(ErrorCode.FORBIDDEN, f"no {program.engine} without a process of its own")
        call = ProgramCall(
            program.code, encode_json(dict(program.names)), encode_json(dict(program.roots)), program.timeout_ms,
            program.memory_bytes, min(program.output_bytes, self._limits.output_bytes), self._limits.printed_chars,
        )  # fmt: skip
        return program_result(evaluate(call), program, 0.0)
