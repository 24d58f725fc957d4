"""The ``flowray`` command: a table of subcommands, each loaded when it is called; the one place that handles errors.

Importing this loads neither Ray nor the engine, so that ``flowray --help`` is instant.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer import rich_utils
from typer.core import TyperCommand, TyperGroup

import flowray
from flowray.cli.output import EXIT_INTERRUPTED, EXIT_USAGE, Output, OutputFormat, exit_code
from flowray.errors import ErrorCode, FlowrayError

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("flowray.cli.local:run", "Run a workflow in this process, without a server."),
    "validate": ("flowray.cli.local:validate", "Check a workflow and list every finding."),
    "import": ("flowray.cli.importing:import_workflow", "Turn another tool's workflow into flowray's, with a report."),
    "nodes": ("flowray.cli.local:nodes", "List the node types, or show the config schema of one."),
    "serve": ("flowray.cli.serving:serve", "Start Ray, the workers and the HTTP API, and stay up."),
    "submit": ("flowray.cli.remote:submit", "Start a workflow on a server."),
    "rerun": ("flowray.cli.remote:rerun", "Run an ended execution again, whole or in part."),
    "watch": ("flowray.cli.remote:watch", "Follow an execution on a server until it ends."),
    "batch": ("flowray.cli.batch:batch", "Run workflows over many inputs, on a server or in this process."),
    "list": ("flowray.cli.listing:list_executions", "List executions on a server, newest first."),
    "logs": ("flowray.cli.remote:logs", "Show what each node of an execution did."),
    "cancel": ("flowray.cli.remote:cancel", "Stop an execution on a server, or all that a filter fits."),
    "pause": ("flowray.cli.waiting:pause", "Pause an execution on a server."),
    "resume": ("flowray.cli.waiting:resume", "Let an execution on a server go on, with an answer if it waits for one."),
    "redrive": ("flowray.cli.redriving:redrive", "Let a crashed execution on a server go on."),
    "delete": ("flowray.cli.upkeep:delete", "Delete an ended execution on a server, with all that it has called."),
    "snapshot": ("flowray.cli.snapshot:app", "Take an execution from one server to another."),
    "waitpoints": ("flowray.cli.waiting:app", "List what waits for an answer, and answer it."),
    "queues": ("flowray.cli.queues:app", "See who waits in queues, and change how many may run."),
    "limits": ("flowray.cli.limits:app", "Limit how much of a resource all executions may use."),
    "connections": ("flowray.cli.connections:app", "Keep accounts at other services, for nodes to use by name."),
    "knowledge": ("flowray.cli.knowledge:app", "Make, fill and ask knowledge bases."),
    "callbacks": ("flowray.cli.callbacks:app", "See what starters of executions were told, and tell it again."),
    "triggers": ("flowray.cli.triggers:app", "Set up what starts workflows, and see what it has started."),
    "llm": ("flowray.cli.llm:app", "Serve a language model on this machine, without a network."),
    "gc": ("flowray.cli.upkeep:gc", "Delete executions whose time has come, and what nothing refers to."),
    "doctor": ("flowray.cli.upkeep:doctor", "Look for what should not be; exit code 1 if there is any."),
    "demo": ("flowray.cli.demo:demo", "Start everything, run a workflow before your eyes, and stop everything."),
    "version": ("flowray.cli.version:version", "Print the version."),
}
"""Name → where it is, and the first line of its help. A test holds the two together."""

# typer exports only this member of its family of usage errors.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]


def load_command(name: str) -> Any:
    """The click command of a row of the table; imports its module."""
    module_name, attribute = COMMANDS[name][0].split(":")
    loaded = getattr(importlib.import_module(module_name), attribute)
    if not isinstance(loaded, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(name)(loaded)
        loaded = single
    command = typer.main.get_command(loaded)
    command.name = name
    return command


class LazyCommands(TyperGroup):
    """Lists the table; imports only the command that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A stand-in with the summary, enough for the list of commands."""
        if cmd_name not in COMMANDS:
            return None
        return TyperCommand(cmd_name, callback=None, help=COMMANDS[cmd_name][1])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command, for calling it."""
        name, stand_in, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name in COMMANDS else stand_in, rest


app = typer.Typer(
    name="flowray",
    cls=LazyCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A durable, parallel workflow executor on Ray.\n\nFLOWRAY_URL names the server; by default http://127.0.0.1:8000.",
    epilog="Example: flowray run examples/order-triage.yaml --input base_url=http://127.0.0.1:9000 --input order_id=7",
)


def _print_version(value: bool) -> None:
    if value:
        print(flowray.__version__)
        raise typer.Exit


@app.callback()
def _root(version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True)) -> None:
    """Replaced by the help above."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code (docs/cli.md)."""
    sys.exit(run(list(args) if args is not None else sys.argv[1:]))


def run(args: list[str]) -> int:
    """Run the command line; returns the exit code."""
    output = Output()
    try:
        result = typer.main.get_command(app).main(args, prog_name="flowray", standalone_mode=False, obj=output)
        return result if isinstance(result, int) else 0
    except FlowrayError as error:
        output.error(error)
        return exit_code(error)
    except UsageError as error:
        if output.wants_json_errors or _asks_for_json(args):
            output.format = OutputFormat.JSON
            output.error(FlowrayError(ErrorCode.INVALID_REQUEST, str(error)))
        else:
            rich_utils.rich_format_error(error)  # type: ignore[arg-type]
        return EXIT_USAGE
    except (KeyboardInterrupt, typer.Abort):
        output.note("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has left (``flowray nodes | head``): nothing is wrong, and nothing more to say.
        output.discard()
        return 0


def _asks_for_json(args: list[str]) -> bool:
    """A wrong option is found before the right ones are read, so the words themselves are looked at."""
    pairs = zip(args, [*args[1:], ""], strict=True)
    return any(option in ("-o", "--output", "--format") and value in ("json", "jsonl") for option, value in pairs)


if __name__ == "__main__":
    main()
