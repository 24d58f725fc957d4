"""How --filter is read."""

from __future__ import annotations

import pytest

from flowray.cli.filters import KEYS, parse_filter
from flowray.errors import FlowrayError
from flowray.wire import ExecutionFilter


def test_filters_are_read() -> None:
    pairs = ["status=paused,waiting", "status=failed", "label.team=a", "label.x=y=z", "workflow_id=w", "id=1,2"]
    assert parse_filter(pairs) == {
        "status": ["paused", "waiting", "failed"],
        "labels": {"team": "a", "x": "y=z"},
        "workflow_id": "w",
        "ids": ["1", "2"],
    }
    for wrong in ("status", "status=", "team=a"):
        with pytest.raises(FlowrayError):
            parse_filter([wrong])


def test_every_field_of_a_filter_has_its_key() -> None:
    named = {key.replace("label.NAME", "labels").replace("id", "ids") if key in ("label.NAME", "id") else key
             for key in KEYS.split(", ")}  # fmt: skip
    assert named == set(ExecutionFilter.model_fields)
