"""A sandbox without a process: for unit tests of what uses one. Bounds time where the engines do; confines nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flowray.runtime.sandbox.evaluation import SandboxLimits, evaluate_javascript, evaluate_jsonata
from flowray.runtime.sandbox.results import check_length, value_of
from flowray.values import Json, encode_json


class InlineSandbox:
    """Evaluates in the calling thread. Never for expressions of other people: memory and regexes are not bounded."""

    def __init__(self, limits: SandboxLimits | None = None) -> None:
        self._limits = limits or SandboxLimits()

    async def jsonata(self, expression: str, data: Json, bindings: Mapping[str, Json], timeout_ms: int) -> Json:
        """As Sandbox says."""
        check_length("JSONata", expression, self._limits)
        outcome = evaluate_jsonata(
            expression, encode_json(data), encode_json(dict(bindings)), timeout_ms, self._limits.output_bytes
        )
        return value_of(outcome, "JSONata", expression, timeout_ms, self._limits)

    async def javascript(self, function: str, arguments: Sequence[Json], timeout_ms: int) -> Json:
        """As Sandbox says."""
        check_length("JavaScript", function, self._limits)
        outcome = evaluate_javascript(
            function, encode_json(list(arguments)), timeout_ms, self._limits.memory_bytes, self._limits.output_bytes
        )
        return value_of(outcome, "JavaScript", function, timeout_ms, self._limits)
