"""Documents that outlive the flowray that wrote them: brought to the present version, step by step. Pure.

A document without a version is of the first one: that is what the first ones looked like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flowray.errors import ErrorCode, FlowrayError

FIRST = 1

Document = dict[str, Any]

Steps = Mapping[int, Callable[[Document], Document]]
"""From each earlier version, what makes the next one of a document."""


def version_of(document: Mapping[str, Any]) -> int:
    """The version of a document."""
    found = document.get("version", FIRST)
    return found if isinstance(found, int) else FIRST


def brought_up(document: Document, what: str, present: int, steps: Steps) -> Document:
    """``document`` in the present version. Raises UNSUPPORTED_VERSION for one that no flowray up to this one wrote."""
    version = version_of(document)
    if not FIRST <= version <= present:
        raise FlowrayError(
            ErrorCode.UNSUPPORTED_VERSION,
            f"The {what} has version {version}; this flowray reads {FIRST} to {present}",
            details={"version": version, "reads_up_to": present},
            hint="Upgrade flowray.",
        )
    for number in range(version, present):
        document = {**steps[number](document), "version": number + 1}
    return document
