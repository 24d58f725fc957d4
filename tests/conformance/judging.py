"""Counts how recorded calls of another engine compare: passed, by our equivalent, deviating by a rule, or skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

Record = dict[str, Any]

ALLOWED_DEVIATING = 0.05
UNDEFINED = "__undefined"
"""How the records write JavaScript's undefined."""


class DeviatingError(Exception):
    """The record contradicts a rule; our value was asserted. The message cites the rule."""

    kind = "deviating"


class EquivalentError(DeviatingError):
    """The function has another form here; that form was asserted."""

    kind = "by our equivalent"


class SkippedError(DeviatingError):
    """Nothing of ours does this, or not yet. The message says why."""

    kind = "skipped"


def judge(
    name: str, records: Sequence[Record], check: Callable[[Record], None], capsys: pytest.CaptureFixture[str]
) -> Counter[str]:
    """Check every record and print the counts with their reasons. A contradiction that no rule explains fails."""
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    contradictions = []
    for record in records:
        try:
            check(record)
        except DeviatingError as reason:
            outcomes[reason.kind] += 1
            reasons[f"{reason.kind}: {reason}"] += 1
        except AssertionError as error:
            contradictions.append(f"{record['fn']} | {record['test']}: {str(error)[:300]}")
        else:
            outcomes["passed"] += 1
    with capsys.disabled():
        print(f"\n{name}: {dict(outcomes)} of {len(records)}")
        for reason, count in reasons.most_common():
            print(f"  {count:3} {reason}")
    assert contradictions == []
    assert outcomes["deviating"] <= ALLOWED_DEVIATING * len(records)
    return outcomes
