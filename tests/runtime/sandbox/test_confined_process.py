"""CPython under bubblewrap where it is installed, bare where authors are trusted, and refused elsewhere."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.programs import Program
from flowray.runtime.sandbox.calls import SandboxLimits
from flowray.runtime.sandbox.confined_process import ConfinedProcesses
from tests.runtime.sandbox.waiting import until

MIB = 1024 * 1024
LIMITS = SandboxLimits(printed_chars=1_000)

needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


def python(code: str, **more: Any) -> Program:
    return Program("python", code, engine="cpython", **{"timeout_ms": 60_000} | more)


def shell(code: str, **more: Any) -> Program:
    return Program("shell", code, engine="shell", **{"timeout_ms": 60_000} | more)


@pytest.fixture(params=["bare", pytest.param("bubblewrap", marks=needs_bubblewrap)])
def processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ConfinedProcesses:
    """Each way in turn."""
    if request.param == "bare":
        _without_bubblewrap(monkeypatch)
    return ConfinedProcesses(2, LIMITS, trusted=request.param == "bare")


def _without_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)


async def failing(processes: ConfinedProcesses, program: Program) -> FlowrayError:
    with pytest.raises(FlowrayError) as caught:
        await processes.program(program)
    return caught.value


CASES: list[tuple[str, Any]] = [
    ("return inputs['a'] + variables['a'] + a", 6), ("result = a * 2\nprint('hi')", 4), ("x = 1", None),
    ("a = a + 1\nreturn a", 3), ("async def f():\n    return 3\nreturn await f()", 3),
    ("def f(n):\n    return 1 if n < 2 else n * f(n - 1)\nresult = f(5)", 120),
    ("import statistics, decimal\nreturn [statistics.mean([1, 2]), decimal.Decimal('1.5'), {1}, float('nan')]",
     [1.5, "1.5", [1], None]),
    ("import sys\nsys.exit(0)", None),
]  # fmt: skip


async def test_values(processes: ConfinedProcesses) -> None:
    for code, expected in CASES:
        assert (await processes.program(python(code, names={"a": 2, "print": 1}))).value == expected, code


async def test_what_is_printed(processes: ConfinedProcesses) -> None:
    code = "import sys\nprint('out')\nprint('bad', file=sys.stderr)\nprint('x' * 100000)\nreturn 1"
    result = await processes.program(python(code))
    assert result.stdout.startswith("out\nxxx")
    assert (len(result.stdout), result.stderr, result.exit_code) == (1_001, "bad\n", 0)


async def test_errors_with_their_line(processes: ConfinedProcesses) -> None:
    for code, error, line, message in (
        ("def f(x):\n    return x / 0\nf(1)", "ZeroDivisionError", 2, "division by zero"),
        ("\nx = (", "SyntaxError", 2, "never closed"),
        ("return inputs['gone']", "KeyError", 1, "gone"),
        ("import sys\nsys.exit('enough')", "SystemExit", 0, "enough"),
        ("x = []\nwhile True:\n    x.append('a' * 1000000)", "MemoryError", 0, "more memory than the sandbox allows"),
        ("return print", "TypeError", 0, "not JSON"),
    ):
        found = await failing(processes, python(code, memory_bytes=64 * MIB))
        assert (found.code, found.details.get("error")) == ("EXPRESSION_ERROR", error)
        assert found.details.get("line", 0) == line
        assert message in found.message


async def test_what_does_not_end_is_killed_with_all_it_started(processes: ConfinedProcesses, tmp_path: Path) -> None:
    code = "import subprocess\nsubprocess.Popen(['sleep', '4711'])\nwhile True: pass"
    found = await failing(processes, python(code, timeout_ms=3_000))
    assert found.code == "EXPRESSION_TIMEOUT"
    await until(lambda: not _running("4711"))


async def test_a_cancelled_program_leaves_nothing(processes: ConfinedProcesses) -> None:
    code = "import subprocess\nsubprocess.Popen(['sleep', '4712'])\nwhile True: pass"
    running = asyncio.create_task(processes.program(python(code)))
    await until(lambda: _running("4712"))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: not _running("4712"))


def _running(argument: str) -> bool:
    """Whether there is a process with that argument."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if f"sleep\0{argument}\0".encode() == (folder / "cmdline").read_bytes():
                    return True
            except OSError:
                continue
    return False


async def test_sizes_of_values(processes: ConfinedProcesses) -> None:
    for code in ("return 'x' * 100", "return 'x' * 100000"):
        assert (await failing(processes, python(code, output_bytes=50))).code == "OUTPUT_TOO_LARGE"


async def test_a_process_that_dies_says_so(processes: ConfinedProcesses) -> None:
    found = await failing(processes, python("import os\nos._exit(7)"))
    assert (found.code, found.details["exit_code"]) == ("EXPRESSION_ERROR", 7)
    spoiled = await failing(processes, python("import os, sys\nos.write(int(sys.argv[1]), b'junk')\nos._exit(0)"))
    assert "no result that can be read" in spoiled.message


async def test_the_environment_is_not_the_servers(
    processes: ConfinedProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWRAY_SECRET", "s3cret")
    result = await processes.program(python("import os\nreturn dict(os.environ)"))
    assert "s3cret" not in str(result.value)
    assert result.value["PATH"] == "/usr/local/bin:/usr/bin:/bin"


@needs_bubblewrap
async def test_bubblewrap_shows_nothing_of_the_host(tmp_path: Path) -> None:
    """No files but programs and libraries, no network, no processes, nothing to write to."""
    (tmp_path / "secret").write_text("here")
    confined = ConfinedProcesses(1, LIMITS, trusted=False)
    code = """
import os, socket
found = {}
for name, attempt in {
    "read": lambda: open(inputs["secret"]).read(), "passwd": lambda: open("/etc/passwd").read(),
    "write": lambda: open("/usr/x", "w"), "connect": lambda: socket.create_connection(("127.0.0.1", 80), 1),
    "mount": lambda: os.system("mount -t tmpfs x /usr 2>/dev/null") and 1 / 0,
    "kill": lambda: os.kill(inputs["parent"], 0),
}.items():
    try:
        attempt()
        found[name] = "open"
    except Exception as error:
        found[name] = type(error).__name__
open("/tmp/own", "w").write("x")
return found
"""
    given = {"secret": str(tmp_path / "secret"), "parent": os.getpid()}
    result = await confined.program(python(code, names=given))
    assert "open" not in result.value.values()
    assert (result.value["read"], result.value["kill"]) == ("FileNotFoundError", "ProcessLookupError")
    again = await confined.program(python("import os\nreturn os.path.exists('/tmp/own')"))
    assert again.value is False


@needs_bubblewrap
async def test_bubblewrap_bounds_what_is_written() -> None:
    confined = ConfinedProcesses(1, LIMITS, trusted=False)
    code = "for n in range(100):\n    open(f'/tmp/{n}', 'wb').write(b'x' * 16777216)"
    found = await failing(confined, python(code))
    assert found.details["error"] == "OSError"


async def test_nothing_runs_unconfined_that_the_operator_has_not_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = ConfinedProcesses(1, LIMITS, trusted=False)
    _without_bubblewrap(monkeypatch)
    for program in (python("return 1"), shell("echo hi")):
        found = await failing(refusing, program)
        assert (found.code, found.details) == ("FORBIDDEN", {"setting": "FLOWRAY_TRUSTED_CODE"})


async def test_shell_code_of_trusted_authors() -> None:
    trusted = ConfinedProcesses(1, LIMITS, trusted=True)
    result = await trusted.program(shell('echo "$who, $n"; echo no >&2', names={"who": "a b", "n": 2, "o": {}}))
    assert (result.value, result.stdout, result.stderr, result.exit_code) == ("a b, 2", "a b, 2\n", "no\n", 0)
    found = await failing(trusted, shell("echo wrong >&2; exit 3"))
    assert (found.code, found.details["exit_code"]) == ("EXPRESSION_ERROR", 3)
    assert "wrong" in found.message
    assert (await failing(trusted, shell("sleep 4713", timeout_ms=200))).code == "EXPRESSION_TIMEOUT"
    assert (await failing(trusted, shell("echo 0123456789", output_bytes=5))).code == "OUTPUT_TOO_LARGE"
