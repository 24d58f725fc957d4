"""Options that several commands share, and how their values are read. No command lives here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from flowray.cli.output import OutputFormat, output_of
from flowray.errors import ErrorCode, FlowrayError
from flowray.settings import Settings, load_settings

DEFAULT_URL = "http://127.0.0.1:8000"


def _set_format(ctx: typer.Context, value: OutputFormat | None) -> OutputFormat | None:
    output_of(ctx).format = value
    return value


FormatValue = Annotated[
    OutputFormat | None,
    typer.Option("--format", help="How data on stdout is printed.", callback=_set_format, is_eager=True),
]
"""For commands whose ``-o`` names a file."""

Format = Annotated[
    OutputFormat | None,
    typer.Option("-o", "--output", help="How data on stdout is printed.", callback=_set_format, is_eager=True),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", metavar="KEY=VALUE", help="One input; JSON where it reads as JSON, else text."),
]
InputsJson = Annotated[
    str | None,
    typer.Option("--input-json", metavar="JSON|@FILE|-", help="All inputs as a JSON object; --input adds to them."),
]
Url = Annotated[str, typer.Option("--url", envvar="FLOWRAY_URL", help="The server.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]


def read_text(source: str) -> str:
    """The text of a file, or of stdin for ``-``. Raises INVALID_REQUEST for a file that cannot be read."""
    if source == "-":
        return sys.stdin.read()
    try:
        return Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FlowrayError(ErrorCode.INVALID_REQUEST, f"cannot read {source}: {reason}") from error


def parse_inputs(pairs: list[str] | None, document: str | None) -> dict[str, Any]:
    """The inputs of ``--input-json`` and then of each ``--input``. Raises INVALID_REQUEST for what is neither."""
    inputs: dict[str, Any] = {}
    if document is not None:
        text = read_text(document.removeprefix("@")) if document == "-" or document.startswith("@") else document
        try:
            inputs = json.loads(text)
        except ValueError as error:
            raise FlowrayError(ErrorCode.INVALID_REQUEST, f"--input-json is not JSON: {error}") from error
        if not isinstance(inputs, dict):
            raise FlowrayError(ErrorCode.INVALID_REQUEST, "--input-json must be a JSON object")
    for pair in pairs or ():
        name, separator, text = pair.partition("=")
        if not separator or not name:
            raise FlowrayError(
                ErrorCode.INVALID_REQUEST, f"--input {pair!r} is not KEY=VALUE", hint="for example: --input city=Paris"
            )
        inputs[name] = json_or_text(text)
    return inputs


def named_texts(pairs: list[str] | None, option: str) -> list[tuple[str, str]]:
    """The NAME=VALUE of an option that may be repeated. Raises INVALID_REQUEST for what is none."""
    split = []
    for pair in pairs or ():
        name, separator, text = pair.partition("=")
        if not separator or not name:
            raise FlowrayError(ErrorCode.INVALID_REQUEST, f"{option} {pair!r} is not NAME=VALUE")
        split.append((name, text))
    return split


def json_or_text(text: str) -> Any:
    """``5`` is a number and ``[1]`` a list; what is no JSON is text. ``"5"`` in quotes stays text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def settings_from_environment(**changes: Any) -> Settings:
    """The settings, with what the command line changes. Raises CONFIGURATION naming every wrong variable."""
    given = {name: value for name, value in changes.items() if value is not None}
    try:
        return Settings(**given) if given else load_settings()
    except ValidationError as error:
        findings = [
            {"message": f"FLOWRAY_{'__'.join(map(str, item['loc'])).upper()}: {item['msg']}"}
            for item in error.errors(include_url=False)
        ]
        raise FlowrayError(
            ErrorCode.CONFIGURATION, "the settings are not valid", details={"errors": findings}
        ) from error
