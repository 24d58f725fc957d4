"""Loads libraries of optional extras where a node first needs them. An absent one is an error that names its extra."""

from __future__ import annotations

import importlib
from types import ModuleType

from flowray.errors import ErrorCode, FlowrayError


def load_extra(module: str, extra: str) -> ModuleType:
    """The module, imported at its first use: most processes never need it.

    Raises MISSING_EXTRA with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise FlowrayError(
            ErrorCode.MISSING_EXTRA,
            f"this needs the Python package that provides {module!r}, which is not installed",
            details={"module": module, "extra": extra},
            hint=f"pip install 'flowray[{extra}]'",
        ) from error
