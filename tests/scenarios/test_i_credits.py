"""Scenario I87: credits are out of scope. What an execution used is counted, whatever its end, and nothing is held."""

from __future__ import annotations

import pytest

from flowray.engine.signals import Usage
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.services import ChatChunk
from tests.fakes.services import ScriptedChat
from tests.scenarios.playing import output, play

ASK = {"type": "llm", "config": {"model": "m", "prompt": "p"}}
USED = ChatChunk(finish_reason="stop", usage=Usage(input_tokens=11, output_tokens=7, model="m"))


@pytest.mark.parametrize("fails", [False, True])
async def test_i87_usage_is_counted_and_nothing_is_reserved(fails: bool) -> None:
    """No estimate, reservation or refusal for lack of credits (the issue leaves them out). Tokens are reported for a
    success and for a failure alike, so that nothing is held that a failure could leak."""
    error = FlowrayError(ErrorCode.PROVIDER_ERROR, "later") if fails else None
    nodes = {"first": ASK, "then": {"type": "step"}, "out": output("{{first.text}}")}

    def act(_: object) -> str:
        if error is not None:
            raise error
        return "fine"

    done = await play(
        nodes,
        "first -> then",
        "then -> out",
        acts={"then": act},
        services={"chat": ScriptedChat([ChatChunk("a"), USED])},
    )
    assert done.row.status == ("failed" if fails else "completed")
    assert (done.row.usage["input_tokens"], done.row.usage["output_tokens"]) == (11, 7)
    assert not [name for name in done.row.__struct_fields__ if "credit" in name]


async def test_i87_a_budget_ends_what_spends_more() -> None:
    """Instead of a reservation there is a bound: the call that passes it is paid for, and nothing follows it."""
    nodes = {"first": ASK, "again": ASK, "third": ASK, "out": output("{{third.text}}")}
    chat = ScriptedChat([ChatChunk("a"), USED])
    edges = ("first -> again", "again -> third", "third -> out")
    done = await play(nodes, *edges, services={"chat": chat}, settings={"maxTokens": 35})
    assert (done.row.status, len(chat.asked)) == ("failed", 2)
    assert done.error["code"] == "BUDGET_EXCEEDED"
    assert "36 tokens of 35" in done.error["message"]
    assert done.row.usage["by_node"].keys() == {"first", "again"}
    assert done.row.usage["by_model"]["m"]["input_tokens"] == 22
