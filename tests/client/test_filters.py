"""Filters of executions on their way to a server."""

from __future__ import annotations

from datetime import UTC, datetime

from flowray.client.filters import body, query


def test_as_parameters() -> None:
    moment = datetime(2026, 1, 31, tzinfo=UTC)
    filters = {"labels": {"team": "a", "x": "y=z"}, "status": ["failed", "crashed"], "created_after": moment, "ids": []}
    assert query(filters, limit=5, cursor=None) == {
        "labels": ["team=a", "x=y=z"],
        "status": ["failed", "crashed"],
        "created_after": "2026-01-31T00:00:00+00:00",
        "limit": 5,
    }
    assert query({"labels": ["team=a"], "status": "failed"}) == {"labels": ["team=a"], "status": "failed"}


def test_as_a_body() -> None:
    assert body({"status": "failed,crashed", "ids": ["a"], "labels": {"n": "v"}}) == {
        "status": ["failed", "crashed"],
        "ids": ["a"],
        "labels": {"n": "v"},
    }
