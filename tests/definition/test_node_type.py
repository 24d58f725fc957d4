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
    assert NodeType("x", "", effects=effects, streams=streams).waits_with({}) is waits


def test_open_configs_keep_what_they_do_not_know() -> None:
    assert OpenConfig.model_validate({"a": 1}).model_extra == {"a": 1}


def test_effects_and_value_key_may_hang_on_the_config() -> None:
    kind = NodeType(
        "x", "", effects=Effects.WRITE, effects_of=lambda config: Effects(config["does"]),
        value_key="a", value_key_of=lambda config: config.get("key"),
    )  # fmt: skip
    assert [kind.waits_with({"does": effects}) for effects in ("none", "write")] == [False, True]
    assert (kind.value_key_with({}), kind.value_key_with({"key": "b"})) == (None, "b")
    assert (NodeType("y", "", value_key="a").value_key_with({}), NodeType("y", "").effects_with({})) == ("a", "none")
