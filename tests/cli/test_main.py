"""The table of commands, errors and exit codes, and what importing costs."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest

from flowray.cli import main
from flowray.errors import ErrorCode, FlowrayError
from tests.cli.conftest import Command

HEAVY = ("ray", "sqlalchemy", "openai", "fastapi", "httpx")


@pytest.mark.parametrize("name", [name for name, (target, _) in main.COMMANDS.items() if not target.endswith(":app")])
def test_the_table_holds_the_first_line_of_each_commands_help(name: str) -> None:
    help_text = inspect.cleandoc(main.load_command(name).help)
    assert help_text.splitlines()[0] == main.COMMANDS[name][1]
    assert "Example: flowray " in help_text


def test_every_command_is_listed_without_importing_any(flowray: Command) -> None:
    outcome = flowray("--help")
    assert outcome.code == 0
    assert all(f" {name} " in outcome.out for name in main.COMMANDS)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_looking_around_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom flowray.cli import main\n"
        f"code = main.run({arguments!r})\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(f'imported {heavy}' if heavy or code else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_local_run_does_not_import_ray() -> None:
    code = "import sys; import flowray.cli.local, flowray.cli.remote; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_a_wrong_option_is_usage_and_stdout_stays_empty(flowray: Command) -> None:
    outcome = flowray("run", "wf.json", "--no-such-option")
    assert (outcome.code, outcome.out) == (2, "")
    assert "no-such-option" in outcome.err


def test_an_unknown_command_is_usage(flowray: Command) -> None:
    assert flowray("no-such-command").code == 2


def test_usage_errors_are_json_where_a_program_reads(flowray: Command) -> None:
    outcome = flowray("run", "-o", "json", "wf.json", "--no-such-option")
    assert outcome.code == 2
    assert outcome.error["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (ErrorCode.UNAUTHORIZED, 4),
        (ErrorCode.NOT_FOUND, 5),
        (ErrorCode.RATE_LIMITED, 7),
        (ErrorCode.EXECUTION_TIMEOUT, 8),
        (ErrorCode.INVALID_INPUT, 2),
        (ErrorCode.RUNTIME_UNAVAILABLE, 1),
    ],
)
def test_exit_codes_follow_error_codes(
    flowray: Command, monkeypatch: pytest.MonkeyPatch, code: ErrorCode, expected: int
) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise FlowrayError(code, "as told", hint="try again")

    monkeypatch.setattr("flowray.cli.version.output_of", fail)
    outcome = flowray("version", "-o", "json")
    assert outcome.code == expected
    assert outcome.error == {"code": code.value, "message": "as told", "hint": "try again"}


def test_ctrl_c_is_130(flowray: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_ctx: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flowray.cli.version.output_of", interrupt)
    assert flowray("version").code == 130


def test_main_exits_with_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main.main(["no-such-command"])
    assert left.value.code == 2
    capsys.readouterr()
