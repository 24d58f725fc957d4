"""Turns what a sandbox process answers into a value or a coded error. Shared by all sandboxes; runs no expression."""

from __future__ import annotations

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.programs import Program, ProgramResult
from flowray.runtime.sandbox.calls import Outcome, SandboxLimits
from flowray.values import Json, decode_json

_SHOWN_CHARS = 200
_LANGUAGES = {"javascript": "JavaScript", "python": "Python", "shell": "shell"}


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


def program_result(outcome: Outcome, program: Program, elapsed_ms: float) -> ProgramResult:
    """What a program came to. Raises EXPRESSION_ERROR, EXPRESSION_TIMEOUT or OUTPUT_TOO_LARGE, with what it printed."""
    language, printed = _LANGUAGES[program.language], outcome.printed
    if outcome.problem is None:
        value = decode_json(outcome.value)
        return ProgramResult(value, printed.stdout, printed.stderr, elapsed_ms, outcome.exit_code)
    details: dict[str, Json] = {"language": program.language, "engine": program.engine}
    details |= {name: text for name, text in (("stdout", printed.stdout), ("stderr", printed.stderr)) if text}
    if outcome.problem == "timeout":
        raise FlowrayError(
            ErrorCode.EXPRESSION_TIMEOUT,
            f"the sandbox stopped the {language} code after {program.timeout_ms} ms",
            details={**details, "timeout_ms": program.timeout_ms},
            hint="make it do less, or raise the node's timeoutMs",
        )
    if outcome.problem == "too_large":
        raise FlowrayError(
            ErrorCode.OUTPUT_TOO_LARGE,
            f"the {language} code gives {outcome.message} bytes of JSON; the limit is {program.output_bytes}",
            details=details,
            hint="return less, or raise the node's maxOutputBytes",
        )
    message = f"{outcome.error}: {outcome.message}" if outcome.error else outcome.message
    if outcome.error:
        details["error"] = outcome.error
    if outcome.exit_code is not None:
        details["exit_code"] = outcome.exit_code
    where = ""
    if outcome.line:
        where = f", line {outcome.line}"
        details |= {"line": outcome.line, "column": outcome.column, "source": _line_of(program.code, outcome.line)}
    raise FlowrayError(ErrorCode.EXPRESSION_ERROR, f"{language}{where}: {message}", details=details)


def _line_of(code: str, line: int) -> str:
    lines = code.split("\n")
    return lines[line - 1].strip()[:_SHOWN_CHARS] if line <= len(lines) else ""


def check_program(program: Program, limits: SandboxLimits) -> None:
    """Raise EXPRESSION_ERROR for a program above the limit of source texts."""
    if len(program.code) > limits.expression_chars:
        raise FlowrayError(
            ErrorCode.EXPRESSION_ERROR,
            f"the code has {len(program.code)} characters; the limit is {limits.expression_chars}",
            details={"language": program.language},
        )
