"""A module with node types, as ``FLOWRAY_NODES`` names one."""

from __future__ import annotations

from flowray import node
from flowray.handlers.logic.wait import WaitHandler  # a class is no handler

__all__ = ["WaitHandler", "double", "twice"]


@node(effects="none")
def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


twice = double
_hidden = double
