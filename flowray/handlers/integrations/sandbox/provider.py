"""A provider of the sandbox: answers every call from recorded replies, with the errors that were recorded, too."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.integrations.sandbox.fixtures import (
    Case,
    ExpectedError,
    FixtureSource,
    RecordedOperation,
    merged,
)
from flowray.handlers.integrations.sandbox.matching import chosen
from flowray.handlers.integrations.sandbox.moments import filled
from flowray.handlers.integrations.sandbox.records import page_of
from flowray.handlers.operations import Operation, OperationCall
from flowray.values import Json

_CODES = {
    "not_found": (ErrorCode.PROVIDER_REJECTED, 404),
    "validation": (ErrorCode.PROVIDER_REJECTED, 400),
    "permission": (ErrorCode.PROVIDER_AUTH, 403),
    "rate_limit": (ErrorCode.PROVIDER_RATE_LIMITED, 429),
    "server_error": (ErrorCode.PROVIDER_ERROR, 500),
}
"""By the type of a recorded error: our code, and the status that a server would have answered with."""


class SandboxProvider:
    """One provider, by its name in the fixtures. The first source that has an operation answers it."""

    is_sandbox = True

    def __init__(self, name: str, sources: Sequence[FixtureSource]) -> None:
        self.name = name
        self._sources = sources
        self._recorded: dict[str, RecordedOperation] | None = None

    async def operations(self) -> Mapping[str, Operation]:
        """What there are replies for. Raises UNKNOWN_OPERATION if there are none at all, CONFIGURATION for a bad
        file.
        """
        recorded = await self._load()
        if not recorded:
            raise FlowrayError(
                ErrorCode.UNKNOWN_OPERATION,
                f"the sandbox has no replies of a provider {self.name!r}",
                details={"provider": self.name},
                hint=f"put {self.name}.json into the folder of FLOWRAY_SANDBOX_FIXTURES_DIR",
            )
        return {name: Operation(name=name, summary=operation.description) for name, operation in recorded.items()}

    async def call(self, call: OperationCall) -> Json:
        """The recorded reply. Raises the recorded error, and INVALID_NODE_CONFIG for an unknown scenario."""
        operation = (await self._load())[call.operation.name]
        case = chosen(operation, call.parameters, call.scenario)
        if case is not None and case.expected_error is not None:
            raise _error(self.name, call.operation.name, case, case.expected_error)
        if case is None and operation.filterable_data is not None:
            return page_of(operation.filterable_data, call.parameters)
        if case is None:
            raise FlowrayError(
                ErrorCode.UNKNOWN_OPERATION, f"the sandbox has no reply of {self.name} {call.operation.name}"
            )
        key = f"{call.idempotency_key}/{self.name}/{call.operation.name}"
        return filled(case.expected_output, call.now_ms(), key)

    async def _load(self) -> dict[str, RecordedOperation]:
        if self._recorded is None:
            # A file may have megabytes.
            self._recorded = await asyncio.to_thread(merged, self._sources, self.name)
        return self._recorded


def _error(provider: str, operation: str, case: Case, expected: ExpectedError) -> FlowrayError:
    code, status = _CODES.get(expected.type, (ErrorCode.PROVIDER_ERROR, 500))
    details: dict[str, Any] = {
        "provider": provider, "operation": operation, "status": status, "scenario": case.name, "sandbox": True,
    }  # fmt: skip
    return FlowrayError(
        code, f"{provider} {operation}: {expected.message}", details=details, retryable=expected.retryable
    )
