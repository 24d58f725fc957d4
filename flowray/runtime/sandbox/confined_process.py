"""CPython and shell programs, each in a process of its own: under bubblewrap, or bare where authors are trusted.

Bubblewrap gives it namespaces without a network, nothing of the host but programs and libraries, and an empty /tmp.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from asyncio.subprocess import Process
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import msgspec

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.node_config import text_of
from flowray.handlers.programs import Program, ProgramResult
from flowray.runtime.sandbox.calls import Outcome, Printed, SandboxLimits
from flowray.runtime.sandbox.monty_python import given
from flowray.runtime.sandbox.results import program_result
from flowray.values import encode_json

INTERPRETER_BYTES = 128 * 1024 * 1024
"""Address space of the interpreter itself, beside what the author's limit allows."""

FILE_BYTES = 64 * 1024 * 1024
"""The longest file that may be written, and with bubblewrap all of /tmp."""

SETTING = "FLOWRAY_TRUSTED_CODE"

_SOURCE = Path(__file__).with_name("cpython_program.py").read_text()
_HOST_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp"}
_PIECE = 1 << 16


class _Answer(msgspec.Struct):
    """What the program's process writes when it is done."""

    value: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""
    message: str = ""
    line: int = 0
    column: int = 0


class ConfinedProcesses:
    """At most ``most`` at a time; others wait for their turn."""

    def __init__(self, most: int, limits: SandboxLimits, *, trusted: bool) -> None:
        self._turns = asyncio.Semaphore(most)
        self._limits = limits
        self._trusted = trusted

    async def program(self, program: Program) -> ProgramResult:
        """As ProgramRunner says. Whoever is cancelled leaves no process behind."""
        wrapper = self._wrapper(program)
        async with self._turns:
            began = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="flowray-code-") as folder:
                outcome = await self._run(program, wrapper, folder)
        return program_result(outcome, program, (time.monotonic() - began) * 1000)

    def _wrapper(self, program: Program) -> list[str]:
        """What goes before the command. Raises FORBIDDEN for what nothing would confine."""
        bubblewrap = shutil.which("bwrap")
        if program.engine == "shell":
            if self._trusted:
                return []
            raise _refused("shell code is refused: nothing confines what a shell does")
        if bubblewrap is not None:
            return _confinement(bubblewrap)
        if self._trusted:
            return []
        raise _refused("Python code with engine cpython is refused: bubblewrap (bwrap) is not installed here")

    async def _run(self, program: Program, wrapper: list[str], folder: str) -> Outcome:
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as answers:
            try:
                process = await asyncio.create_subprocess_exec(
                    *wrapper, sys.executable, "-I", "-B", "-c", _SOURCE, str(writing),
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=(writing,),
                    env=_ENVIRONMENT if wrapper else {**_ENVIRONMENT, "HOME": folder}, cwd=folder,
                    start_new_session=True,
                )  # fmt: skip
            finally:
                os.close(writing)
            try:
                async with asyncio.timeout(program.timeout_ms / 1000):
                    return await self._talk(process, program, answers)
            except TimeoutError:
                return Outcome(problem="timeout")
            finally:
                await _end(process)

    async def _talk(self, process: Process, program: Program, answers: IO[bytes]) -> Outcome:
        stdin, stdout, stderr = _streams(process)
        output_bytes = min(program.output_bytes, self._limits.output_bytes)
        kept = self._limits.printed_chars
        answer = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(answer), answers
        )
        try:
            with contextlib.suppress(ConnectionError):
                stdin.write(_request(program))
                await stdin.drain()
            stdin.close()
            # Of what is printed the first part is kept; the rest is read and dropped, so that nothing blocks.
            printed = await asyncio.gather(_read(stdout, kept), _read(stderr, kept), _read(answer, 2 * output_bytes))
        finally:
            transport.close()
        code = await process.wait()
        texts = Printed(_text(printed[0]), _text(printed[1]))
        if program.engine == "shell":
            return _of_shell(code, texts, output_bytes)
        return _of_python(printed[2], code, output_bytes, texts)

    async def aclose(self) -> None:
        """Nothing is kept between two programs."""


def _refused(message: str) -> FlowrayError:
    return FlowrayError(
        ErrorCode.FORBIDDEN, message, details={"setting": SETTING},
        hint=f"who runs the server may install bubblewrap, or trust authors with {SETTING}=true",
    )  # fmt: skip


@lru_cache(maxsize=4)
def _confinement(bubblewrap: str) -> list[str]:
    """The command that confines what follows it."""
    command = [
        bubblewrap, "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL",
        "--proc", "/proc", "--dev", "/dev",
    ]  # fmt: skip
    helped = subprocess.run([bubblewrap, "--help"], capture_output=True, text=True, check=False)
    if "--size" in helped.stdout:
        command += ["--size", str(FILE_BYTES)]
    command += ["--tmpfs", "/tmp", "--chdir", "/tmp"]
    for name, value in _ENVIRONMENT.items():
        command += ["--setenv", name, value]
    for folder in dict.fromkeys((*_HOST_FOLDERS, sys.prefix, sys.base_prefix)):
        if os.path.exists(folder):
            command += ["--ro-bind", folder, folder]
    return command


def _request(program: Program) -> bytes:
    python = program.language == "python"
    return encode_json(
        {
            "language": program.language, "code": program.code,
            "names": given(program) if python else {}, "environment": {} if python else _environment(program),
            "address_space": program.memory_bytes + INTERPRETER_BYTES, "file_bytes": FILE_BYTES,
            "cpu_s": program.timeout_ms // 1000 + 1,
        }
    )  # fmt: skip


def _environment(program: Program) -> dict[str, str]:
    """What a shell finds as variables: of what it may see, what is text, a number or a truth value."""
    values = {**program.names, **program.roots}
    return {
        name: text_of(value)
        for name, value in values.items()
        if name.isidentifier() and name not in _ENVIRONMENT and isinstance(value, str | int | float | bool)
    }


def _streams(process: Process) -> tuple[asyncio.StreamWriter, asyncio.StreamReader, asyncio.StreamReader]:
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    assert stdin is not None
    assert stdout is not None
    assert stderr is not None
    return stdin, stdout, stderr


async def _read(stream: asyncio.StreamReader, limit: int) -> bytes:
    """All there is, of which ``limit`` bytes are kept and one more tells that there was more."""
    kept = bytearray()
    while piece := await stream.read(_PIECE):
        kept += piece[: limit + 1 - len(kept)]
    return bytes(kept)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _of_shell(code: int, printed: Printed, output_bytes: int) -> Outcome:
    """The value is what it printed; failing is an exit code other than 0."""
    if code != 0:
        message = f"exit code {code}: {printed.stderr.strip()[-500:]}"
        return Outcome(problem="error", message=message, exit_code=code, printed=printed)
    encoded = encode_json(printed.stdout.removesuffix("\n"))
    if len(encoded) > output_bytes:
        return Outcome(problem="too_large", message=str(len(encoded)), printed=printed)
    return Outcome(encoded, exit_code=code, printed=printed)


def _of_python(answer: bytes, code: int, output_bytes: int, printed: Printed) -> Outcome:
    if not answer:
        told = printed.stderr.strip()[-500:]
        message = f"its process ended with exit code {code} and no result; out of memory? {told}".strip()
        return Outcome(problem="error", message=message, exit_code=code, printed=printed)
    try:
        told_of = msgspec.json.decode(answer, type=_Answer)
    except msgspec.MsgspecError:
        if len(answer) > output_bytes:
            return Outcome(problem="too_large", message=f"more than {output_bytes}", printed=printed)
        return Outcome(problem="error", message="its process gave no result that can be read", printed=printed)
    if told_of.error:
        return Outcome(
            problem="error", message=told_of.message, error=told_of.error, line=told_of.line, column=told_of.column,
            exit_code=code, printed=printed,
        )  # fmt: skip
    if len(told_of.value) > output_bytes:
        return Outcome(problem="too_large", message=str(len(told_of.value)), printed=printed)
    return Outcome(bytes(told_of.value), exit_code=code, printed=printed)


async def _end(process: Process) -> None:
    """Nothing of its group is left when this returns, and none of its pipes is open."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    transport: Any = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()
