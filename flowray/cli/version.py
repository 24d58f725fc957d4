"""``flowray version``."""

from __future__ import annotations

import platform

import typer

import flowray
from flowray.cli.options import Format
from flowray.cli.output import output_of


def version(ctx: typer.Context, format: Format = None) -> None:
    """Print the version.

    Example: flowray version -o json
    """
    output = output_of(ctx)
    if output.format is None:
        output.text(flowray.__version__)
    else:
        output.document({"version": flowray.__version__, "python": platform.python_version()})
