"""Work on foreign documents that may take long, much memory or for ever: called in a process that can be killed.

For functions of flowray and its plugins, not for code of authors: that is the sandbox's.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from flowray.errors import ErrorCode, FlowrayError

T = TypeVar("T")

KILLABLE_MS = 120_000
"""How long one call may take unless the node says otherwise."""


class KillableCalls(Protocol):
    """Calls functions elsewhere. Cancelling the caller kills what runs."""

    async def call(self, function: Callable[..., T], *arguments: Any, timeout_ms: int = KILLABLE_MS) -> T:
        """``function(*arguments)``: a function at the top of a module, everything picklable.

        Raises what it raises if that is a FlowrayError, NODE_FAILED for any other exception, NODE_TIMEOUT, and
        FILE_LIMIT_EXCEEDED if it needs more memory than it may have.
        """
        ...


class NoKillableCalls:
    """Of a lane that was given no such process."""

    async def call(self, function: Callable[..., T], *arguments: Any, timeout_ms: int = KILLABLE_MS) -> T:
        raise FlowrayError(ErrorCode.CONFIGURATION, "this lane has no process for work on documents")


def guarded(function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    """Calls, and makes every failure one that survives pickling and says what it means."""
    try:
        return function(*arguments)
    except FlowrayError:
        raise
    except MemoryError as error:
        raise out_of_memory() from error
    except RecursionError as error:
        raise FlowrayError(ErrorCode.NODE_FAILED, "the document is nested too deeply") from error
    except Exception as error:
        raise FlowrayError(
            ErrorCode.NODE_FAILED, f"{type(error).__name__}: {str(error)[:500]}", details={"in": function.__name__}
        ) from error


def out_of_memory() -> FlowrayError:
    """What is raised where a document needs more memory than its process may have."""
    return FlowrayError(
        ErrorCode.FILE_LIMIT_EXCEEDED, "the document needs more memory than its process may have",
        hint="use a smaller document, or a part of it",
    )  # fmt: skip


def timed_out(timeout_ms: int) -> FlowrayError:
    """What is raised where a document takes longer than it may."""
    return FlowrayError(
        ErrorCode.NODE_TIMEOUT, f"the work on the document was stopped after {timeout_ms} ms",
        details={"limit_ms": timeout_ms}, hint="use a smaller document, or raise the node's timeout",
    )  # fmt: skip


def workers() -> int:
    """Processes for a lane: half of the processors, the other half being for those who wait for them."""
    return max(1, min(4, (os.cpu_count() or 2) // 2))
