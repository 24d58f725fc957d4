"""Declarations of node types."""

from __future__ import annotations

import pytest

from flowray.definition.node_type import Effects, NodeType, OpenConfig


@pytest.mark.parametrize(
    ("effects", "streams", "waits"),
    [
        (Effects.NONE, False, False),
        (Effects.READ, False, False),
        (Effects.WRITE, False, True),
        (Effects.NONE, True, True),
    ],
)
def test_r24_only_writes_and_streams_wait_for_the_commit(effects: Effects, streams: bool, waits: bool) -> None:
    assert NodeType("x", "", effects=effects, streams=streams).waits_for_commit is waits


def test_open_configs_keep_what_they_do_not_know() -> None:
    assert OpenConfig.model_validate({"a": 1}).model_extra == {"a": 1}
