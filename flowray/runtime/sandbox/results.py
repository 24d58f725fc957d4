"""Turns what a sandbox process answers into a value or a coded error. Shared by all sandboxes; runs no expression."""

from __future__ import annotations

from flowray.errors import ErrorCode, FlowrayError
from flowray.runtime.sandbox.evaluation import Outcome, SandboxLimits
from flowray.values import Json, decode_json

_SHOWN_CHARS = 200


def value_of(outcome: Outcome, language: str, expression: str, timeout_ms: int, limits: SandboxLimits) -> Json:
    """The value. Raises EXPRESSION_ERROR, EXPRESSION_TIMEOUT or OUTPUT_TOO_LARGE."""
    match outcome.problem:
        case None:
            return decode_json(outcome.value)
        case "timeout":
            raise timed_out(language, expression, timeout_ms)
        case "too_large":
            raise FlowrayError(
                ErrorCode.OUTPUT_TOO_LARGE,
                f"the {language} expression gives {outcome.message} bytes; the limit is {limits.output_bytes}",
                details={"expression": expression[:_SHOWN_CHARS]},
            )
        case _:
            raise failed(language, expression, outcome.message)


def timed_out(language: str, expression: str, timeout_ms: int) -> FlowrayError:
    """The error of an expression that did not end; names the limit and who cut it."""
    return FlowrayError(
        ErrorCode.EXPRESSION_TIMEOUT,
        f"the sandbox stopped a {language} expression after {timeout_ms} ms: {shown(expression)}",
        details={"expression": expression[:_SHOWN_CHARS], "timeout_ms": timeout_ms},
        hint="simplify the expression, or raise the node's timeoutMs",
    )


def failed(language: str, expression: str, message: str) -> FlowrayError:
    """The error of an expression that is wrong, or wrong for its data."""
    return FlowrayError(
        ErrorCode.EXPRESSION_ERROR,
        f"{language} {shown(expression)}: {message}",
        details={"expression": expression[:_SHOWN_CHARS], "language": language},
    )


def shown(expression: str) -> str:
    """The expression as messages quote it."""
    return repr(expression if len(expression) <= _SHOWN_CHARS else expression[:_SHOWN_CHARS] + "…")


def check_length(language: str, expression: str, limits: SandboxLimits) -> None:
    """Raise EXPRESSION_ERROR for a source text above the limit."""
    if len(expression) > limits.expression_chars:
        raise failed(language, expression, f"longer than {limits.expression_chars} characters")
