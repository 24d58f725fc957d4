"""Which outputs an execution keeps near (``settings.context.policy``): by their readers, all, or the last n."""

from __future__ import annotations

import re

from flowray.definition.diagnostics import DiagnosticCode, Diagnostics
from flowray.definition.workflow import WorkflowDefinition

_KEEP_LAST = re.compile(r"keepLast\(\s*(\d{1,6})\s*\)")


def keep_last(policy: str) -> int | None:
    """The n of ``keepLast(n)``; None for another policy."""
    found = _KEEP_LAST.fullmatch(policy)
    return int(found.group(1)) if found else None


def check_policy(definition: WorkflowDefinition, diagnostics: Diagnostics) -> None:
    """Report a policy that does not exist."""
    policy = definition.settings.context.policy
    if policy not in ("byReaders", "keepAll") and keep_last(policy) is None:
        diagnostics.error(
            DiagnosticCode.INVALID_FIELD,
            f"No context policy is called {policy!r}.",
            pointer="/settings/context/policy",
            hint="Use byReaders, keepAll or keepLast(n).",
        )
