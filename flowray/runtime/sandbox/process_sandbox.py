"""The real sandbox: expressions and programs in processes that can be killed at any time. Evaluates none itself (R27).

JSONata and JavaScript share warm workers; each way to run Python brings processes of its own kind.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from flowray.handlers.programs import Program, ProgramResult
from flowray.runtime.sandbox.calls import Call, FunctionCall, JsonataCall, Outcome, ProgramCall, SandboxLimits
from flowray.runtime.sandbox.confined_process import ConfinedProcesses
from flowray.runtime.sandbox.monty_python import MontyPython
from flowray.runtime.sandbox.results import check_length, check_program, failed, program_result, timed_out, value_of
from flowray.runtime.sandbox.worker_pool import WorkerDiedError, WorkerPool, usable_cpus
from flowray.values import Json, encode_json

GRACE_MS = 200
"""How much later than the bounds inside the process the kill comes: a clean error is cheaper than a new process."""

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Outcome)


@dataclass(frozen=True)
class SandboxOptions:
    """``workers``: processes at most, None for one per CPU. ``trusted_code``: authors' code may run as this process's
    user where nothing confines it, and shell code at all."""

    workers: int | None = None
    limits: SandboxLimits = field(default_factory=SandboxLimits)
    trusted_code: bool = False


class ProcessSandbox:
    """A pool of processes, started as they are needed and kept warm. One sandbox for each lane is enough.

    A worker that overruns its time is killed and replaced; so is one that dies, of memory or otherwise. Workers die
    with the thread of the first call, so use a sandbox from one long-lived event loop. A call costs about 0.3 ms.
    """

    def __init__(self, options: SandboxOptions | None = None) -> None:
        options = options or SandboxOptions()
        self._limits = options.limits
        most = options.workers or usable_cpus()
        self._workers = WorkerPool(most, self._limits.memory_bytes)
        self._monty = MontyPython(most, self._limits)
        self._confined = ConfinedProcesses(most, self._limits, trusted=options.trusted_code)

    async def jsonata(self, expression: str, data: Json, bindings: Mapping[str, Json], timeout_ms: int) -> Json:
        """As Sandbox says; safe to call concurrently, calls queue for the workers."""
        check_length("JSONata", expression, self._limits)
        call = JsonataCall(
            expression, encode_json(data), encode_json(dict(bindings)), timeout_ms, self._limits.output_bytes
        )
        return await self._expression("JSONata", expression, call)

    async def javascript(self, function: str, arguments: Sequence[Json], timeout_ms: int) -> Json:
        """As Sandbox says; safe to call concurrently, calls queue for the workers."""
        check_length("JavaScript", function, self._limits)
        # A quarter of the process's memory for the engine: the text going in and out needs room too.
        call = FunctionCall(
            function, encode_json(list(arguments)), timeout_ms, self._limits.memory_bytes // 4,
            self._limits.output_bytes,
        )  # fmt: skip
        return await self._expression("JavaScript", function, call)

    async def program(self, program: Program) -> ProgramResult:
        """As ProgramRunner says; safe to call concurrently."""
        check_program(program, self._limits)
        if program.engine == "monty":
            return await self._monty.program(program)
        if program.engine != "quickjs":
            return await self._confined.program(program)
        call = ProgramCall(
            code=program.code, names=encode_json(dict(program.names)), roots=encode_json(dict(program.roots)),
            timeout_ms=program.timeout_ms, memory_bytes=min(program.memory_bytes, self._limits.memory_bytes // 2),
            output_bytes=min(program.output_bytes, self._limits.output_bytes),
            printed_chars=self._limits.printed_chars,
        )  # fmt: skip
        began = time.monotonic()
        try:
            outcome = await self._run(call)
        except TimeoutError:
            outcome = Outcome(problem="timeout")
        except WorkerDiedError as error:
            outcome = Outcome(problem="error", message=_died(error))
        return program_result(outcome, program, (time.monotonic() - began) * 1000)

    async def _expression(self, language: str, expression: str, call: JsonataCall | FunctionCall) -> Json:
        try:
            outcome = await self._run(call)
        except TimeoutError as error:
            raise timed_out(language, expression, call.timeout_ms) from error
        except WorkerDiedError as error:
            raise failed(language, expression, _died(error)) from error
        return value_of(outcome, language, expression, call.timeout_ms, self._limits)

    async def _run(self, call: Call) -> Outcome:
        answer = await self._workers.call(_ENCODER.encode(call), (call.timeout_ms + GRACE_MS) / 1000)
        return _DECODER.decode(answer)

    async def aclose(self) -> None:
        """Kill all processes and wait until they are gone. Safe to repeat."""
        await self._workers.aclose()
        await self._monty.aclose()
        await self._confined.aclose()


def _died(error: WorkerDiedError) -> str:
    return f"the sandbox process died ({error}); out of memory?"
