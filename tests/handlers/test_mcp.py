from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.mcp import McpAnswer, NoMcpTools


def test_the_value_of_an_answer_is_the_most_structured_it_has() -> None:
    image = {"type": "image", "data": "…"}
    assert McpAnswer(content=[image], text="x", structured={"a": 1}).value == {"a": 1}
    assert McpAnswer(content=[image], text="x").value == "x"
    assert McpAnswer(content=[image]).value == [image]
    assert McpAnswer().value == ""


async def test_a_lane_without_servers_says_so() -> None:
    none = NoMcpTools()
    assert list(none.servers) == []
    for call in (none.list_tools("box"), none.call_tool("box", "add", {})):
        with pytest.raises(FlowrayError, match="'box'") as raised:
            await call
        assert raised.value.code == ErrorCode.CONFIGURATION
