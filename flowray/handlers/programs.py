"""Programs that authors write in nodes, and what comes of running one. Runs none: that is a Sandbox's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from flowray.values import Json

Language = Literal["javascript", "python", "shell"]
Engine = Literal["quickjs", "monty", "cpython", "shell"]


@dataclass(frozen=True)
class Program:
    """One program and what it may see.

    ``names`` are the values of the workflow that it may read: together they are its ``inputs`` (also ``variables`` and
    ``context``), and each is a global, unless the language has something of that name. ``roots`` are further globals,
    which come before any other of their name. Limits: ms, bytes of memory, and bytes of the result as JSON.
    """

    language: Language
    code: str
    names: Mapping[str, Json] = field(default_factory=dict)
    roots: Mapping[str, Json] = field(default_factory=dict)
    engine: Engine = "quickjs"
    timeout_ms: int = 30_000
    memory_bytes: int = 128 * 1024 * 1024
    output_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True)
class ProgramResult:
    """``value`` is what the program returned, else the value of its variable ``result``, else null.

    ``elapsed_ms`` from when it was ready to run until it ended. ``exit_code`` of a process of its own, else None.
    """

    value: Json
    stdout: str = ""
    stderr: str = ""
    elapsed_ms: float = 0.0
    exit_code: int | None = None


class ProgramRunner(Protocol):
    """Runs programs of one engine."""

    async def program(self, program: Program) -> ProgramResult:
        """Run it to its end. Cancelling kills it.

        Raises FlowrayError EXPRESSION_ERROR, EXPRESSION_TIMEOUT or OUTPUT_TOO_LARGE, FORBIDDEN for what the operator
        has not allowed, and MISSING_EXTRA.
        """
        ...
