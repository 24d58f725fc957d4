"""Every error flowray raises: one class, one enumerated code. Not a place for recovery logic.

A code is part of the public contract: retries and error ports match on it, the HTTP layer maps it to a status, the
documents list it. Messages are for people and may change; codes never change meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    """Stable, machine-readable names of everything that can go wrong."""

    # The request or the definition is wrong.
    INVALID_DEFINITION = "INVALID_DEFINITION"
    INVALID_INPUT = "INVALID_INPUT"
    INVALID_REQUEST = "INVALID_REQUEST"
    INVALID_CURSOR = "INVALID_CURSOR"
    MALFORMED_BODY = "MALFORMED_BODY"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    UNSUPPORTED_FORMAT = "UNSUPPORTED_FORMAT"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    CONFLICT = "CONFLICT"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    EXECUTION_ENDED = "EXECUTION_ENDED"
    EXECUTION_NOT_ENDED = "EXECUTION_NOT_ENDED"
    INVALID_START_POINT = "INVALID_START_POINT"
    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    RATE_LIMITED = "RATE_LIMITED"
    NOT_IMPLEMENTED = "NOT_IMPLEMENTED"

    # A node failed.
    UNKNOWN_NODE_TYPE = "UNKNOWN_NODE_TYPE"
    INVALID_NODE_CONFIG = "INVALID_NODE_CONFIG"
    EXPRESSION_ERROR = "EXPRESSION_ERROR"
    EXPRESSION_TIMEOUT = "EXPRESSION_TIMEOUT"
    NODE_FAILED = "NODE_FAILED"
    NODE_TIMEOUT = "NODE_TIMEOUT"
    NODE_LOST = "NODE_LOST"
    HTTP_ERROR = "HTTP_ERROR"
    HTTP_STATUS = "HTTP_STATUS"
    PROVIDER_UNREACHABLE = "PROVIDER_UNREACHABLE"
    PROVIDER_TIMEOUT = "PROVIDER_TIMEOUT"
    PROVIDER_RATE_LIMITED = "PROVIDER_RATE_LIMITED"
    PROVIDER_AUTH = "PROVIDER_AUTH"
    PROVIDER_REJECTED = "PROVIDER_REJECTED"
    PROVIDER_ERROR = "PROVIDER_ERROR"
    PROVIDER_CIRCUIT_OPEN = "PROVIDER_CIRCUIT_OPEN"
    STREAM_INTERRUPTED = "STREAM_INTERRUPTED"
    WAITPOINT_TIMEOUT = "WAITPOINT_TIMEOUT"
    VARIABLE_MISMATCH = "VARIABLE_MISMATCH"
    UNKNOWN_OPERATION = "UNKNOWN_OPERATION"
    CONNECTION_NOT_FOUND = "CONNECTION_NOT_FOUND"
    SIGNAL_UNSUPPORTED = "SIGNAL_UNSUPPORTED"

    # A limit was reached; the message names it.
    OUTPUT_TOO_LARGE = "OUTPUT_TOO_LARGE"
    CONTEXT_LIMIT_EXCEEDED = "CONTEXT_LIMIT_EXCEEDED"
    ITERATION_LIMIT_EXCEEDED = "ITERATION_LIMIT_EXCEEDED"
    SHARED_MEMORY_LIMIT_EXCEEDED = "SHARED_MEMORY_LIMIT_EXCEEDED"
    CALL_DEPTH_EXCEEDED = "CALL_DEPTH_EXCEEDED"
    DESCENDANT_LIMIT_EXCEEDED = "DESCENDANT_LIMIT_EXCEEDED"
    FILE_LIMIT_EXCEEDED = "FILE_LIMIT_EXCEEDED"
    BUDGET_EXCEEDED = "BUDGET_EXCEEDED"
    COLLECTION_INVALID = "COLLECTION_INVALID"

    # The execution as a whole.
    EXECUTION_TIMEOUT = "EXECUTION_TIMEOUT"
    EXECUTION_CANCELLED = "EXECUTION_CANCELLED"
    EXECUTION_CRASHED = "EXECUTION_CRASHED"

    # flowray itself, or what it stands on.
    FENCED = "FENCED"
    PAYLOAD_MISSING = "PAYLOAD_MISSING"
    UNSUPPORTED_VERSION = "UNSUPPORTED_VERSION"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
    RUNTIME_UNAVAILABLE = "RUNTIME_UNAVAILABLE"
    CONFIGURATION = "CONFIGURATION"
    MISSING_EXTRA = "MISSING_EXTRA"
    INTERNAL = "INTERNAL"


class FlowrayError(Exception):
    """An error with a code.

    ``details`` is JSON. ``hint`` says what the reader can do next. ``retryable`` tells a retry policy that names no
    codes whether another attempt may help. Survives pickling, so it can cross a Ray process border.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        hint: str | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: dict[str, Any] = dict(details or {})
        self.hint = hint
        self.retryable = retryable

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own __reduce__ replays only positional arguments and would lose the keywords.
        return _rebuild, (type(self), self.code, self.message, self.details, self.hint, self.retryable)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f" ({self.hint})" if self.hint else "")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code}, {self.message!r})"


def _rebuild(
    cls: type[FlowrayError], code: ErrorCode, message: str, details: dict[str, Any], hint: str | None, retryable: bool
) -> FlowrayError:
    error = cls.__new__(cls)
    FlowrayError.__init__(error, code, message, details=details, hint=hint, retryable=retryable)
    return error


class DefinitionError(FlowrayError):
    """A definition that cannot be compiled. ``details["diagnostics"]`` lists every finding."""


class InputError(FlowrayError):
    """Inputs that do not fit the workflow. ``details["errors"]`` lists every finding with a JSON pointer."""
