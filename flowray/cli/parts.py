"""Options that say which part of a workflow to run, shared by several commands, and how their values are read."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from flowray.cli.options import json_or_text, read_text
from flowray.errors import ErrorCode, FlowrayError

FromNode = Annotated[
    str | None, typer.Option("--from", metavar="NODE", help="Run this node and all that follows it, nothing before.")
]
UntilNode = Annotated[
    str | None, typer.Option("--until", metavar="NODE", help="Run what leads to this node, and end with its output.")
]
OnlyNode = Annotated[str | None, typer.Option("--only", metavar="NODE", help="Run this node alone.")]
Pins = Annotated[
    list[str] | None,
    typer.Option("--pin", metavar="NODE=VALUE", help="Give this node an output instead of running it; JSON, or @FILE."),
]


def parse_pins(pairs: list[str] | None) -> dict[str, Any]:
    """Outputs by node id. A value is JSON where it reads as JSON, else text; ``@FILE`` is the JSON of a file.

    Raises INVALID_REQUEST for what is neither.
    """
    pins: dict[str, Any] = {}
    for pair in pairs or ():
        node_id, separator, text = pair.partition("=")
        if not separator or not node_id:
            raise FlowrayError(
                ErrorCode.INVALID_REQUEST,
                f"--pin {pair!r} is not NODE=VALUE",
                hint="for example: --pin fetch=@a.json",
            )
        pins[node_id] = _json_of_file(text[1:]) if text.startswith("@") else json_or_text(text)
    return pins


def parse_changes(pairs: list[str] | None) -> dict[str, dict[str, Any]]:
    """Config fields by node id, from ``NODE.FIELD=VALUE``. Raises INVALID_REQUEST for anything else."""
    changes: dict[str, dict[str, Any]] = {}
    for pair in pairs or ():
        place, separator, text = pair.partition("=")
        node_id, _, name = place.rpartition(".")
        if not separator or not node_id or not name:
            raise FlowrayError(
                ErrorCode.INVALID_REQUEST,
                f"--set {pair!r} is not NODE.FIELD=VALUE",
                hint="for example: --set summarize.model=gpt-5",
            )
        changes.setdefault(node_id, {})[name] = json_or_text(text)
    return changes


def part_options(
    from_node: str | None, until: str | None, only: str | None, pins: list[str] | None, reuse: str | None
) -> dict[str, Any]:
    """The options of a start (R51). ``reuse`` is the execution whose outcomes the nodes before ``from_node`` keep."""
    if reuse is not None and from_node is None:
        raise FlowrayError(ErrorCode.INVALID_REQUEST, "--reuse needs --from: it says what the nodes before that keep")
    run_from = {"node_id": from_node, "execution_id": reuse} if from_node is not None else None
    options = {"run_from": run_from, "run_until": until, "only_node": only, "pins": parse_pins(pins) or None}
    return {name: value for name, value in options.items() if value is not None}


def _json_of_file(path: str) -> Any:
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise FlowrayError(ErrorCode.INVALID_REQUEST, f"{path} is not JSON: {error}") from error
