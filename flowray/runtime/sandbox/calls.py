"""What travels between a lane and a sandbox worker: what to run, within which limits, what came of it. Runs nothing.

Both sides read it as data of a fixed shape (MessagePack), so that nothing a worker answers can become code in a lane.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True)
class SandboxLimits:
    """Bounds of one sandbox process, in bytes; ``expression_chars`` bounds the source text of anything.

    ``printed_chars``: what a program may print on each of its two streams before the rest is dropped.
    """

    memory_bytes: int = 1024 * 1024 * 1024
    output_bytes: int = 64 * 1024 * 1024
    expression_chars: int = 100_000
    printed_chars: int = 100_000


class Printed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a program has written on its two streams, as far as it is kept."""

    stdout: str = ""
    stderr: str = ""


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """``value`` is JSON text if ``problem`` is None; ``problem`` is ``error``, ``timeout`` or ``too_large``.

    Of a program also what it printed, and of one that failed the name of its error, and the line and column of the
    author's code, from 1; 0 where they are not known.
    """

    value: bytes = b"null"
    problem: str | None = None
    message: str = ""
    error: str = ""
    line: int = 0
    column: int = 0
    printed: Printed = Printed()
    exit_code: int | None = None


class JsonataCall(msgspec.Struct, frozen=True, tag="jsonata"):
    """An expression over ``data``; both it and ``bindings`` are JSON text."""

    expression: str
    data: bytes
    bindings: bytes
    timeout_ms: int
    output_bytes: int


class FunctionCall(msgspec.Struct, frozen=True, tag="function"):
    """A JavaScript function expression, and the JSON text of the list of its arguments."""

    function: str
    arguments: bytes
    timeout_ms: int
    memory_bytes: int
    output_bytes: int


class ProgramCall(msgspec.Struct, frozen=True, tag="program"):
    """A JavaScript program. ``names`` and ``roots`` are JSON text; see ``flowray.handlers.programs.Program``."""

    code: str
    names: bytes
    roots: bytes
    timeout_ms: int
    memory_bytes: int
    output_bytes: int
    printed_chars: int


Call = JsonataCall | FunctionCall | ProgramCall
