"""The sliding window over a conversation: newest kept, calls and answers together, within the budget."""

from __future__ import annotations

import random
from typing import Any

import pytest

from flowray.handlers.conversation_window import Message, Window, estimated_tokens, fit_window, one_each

SYSTEM = {"role": "system", "content": "Be brief."}


def says(role: str, text: str, **more: Any) -> Message:
    """One message."""
    return {"role": role, "content": text, **more}


def calls(*ids: str) -> Message:
    """The model calls tools."""
    return says(
        "assistant", "", tool_calls=[{"id": each, "function": {"name": "f", "arguments": "{}"}} for each in ids]
    )


def answers(call_id: str, text: str = "done") -> Message:
    """A tool's answer."""
    return says("tool", text, tool_call_id=call_id)


def chat(count: int) -> list[Message]:
    """``count`` messages in turn."""
    return [says("user" if number % 2 == 0 else "assistant", f"m{number}") for number in range(count)]


def texts(window: Window) -> list[str]:
    """The contents in order."""
    return [message["content"] for message in window.messages]


def test_what_fits_is_kept_as_it_is() -> None:
    messages = [SYSTEM, *chat(4)]
    assert fit_window(messages, 1_000) == Window(messages, 0, sum(map(estimated_tokens, messages)))


def test_the_newest_are_kept_and_a_note_counts_the_rest() -> None:
    window = fit_window([SYSTEM, *chat(10)], 4, one_each)
    assert texts(window) == [
        "Be brief.",
        "(6 earlier messages of this conversation are left out.)",
        "m6",
        "m7",
        "m8",
        "m9",
    ]
    assert (window.dropped, window.cost) == (6, 4)


def test_instructions_come_first_wherever_they_stood() -> None:
    messages = [*chat(3), SYSTEM, says("developer", "Use metric units."), says("user", "last")]
    assert texts(fit_window(messages, 1, one_each, marker=False)) == ["Be brief.", "Use metric units.", "last"]


def test_the_note_is_within_the_budget() -> None:
    messages = [says("user", "x" * 36) for _ in range(10)]
    window = fit_window(messages, 60)
    assert estimated_tokens(messages[0]) == 13
    assert window.cost <= 60
    assert window.dropped == 10 - (len(window.messages) - 1)


def test_a_call_and_its_answers_are_not_split() -> None:
    messages = [
        says("user", "q"),
        calls("a", "b"),
        answers("a"),
        answers("b"),
        says("assistant", "found"),
        says("user", "n"),
    ]
    for budget in (3, 4):
        assert texts(fit_window(messages, budget, one_each, marker=False)) == ["found", "n"]
    assert len(fit_window(messages, 5, one_each, marker=False).messages) == 5


def test_an_answer_without_its_call_is_left_out() -> None:
    messages = [answers("gone"), says("user", "hello")]
    assert fit_window(messages, 10, one_each, marker=False) == Window([says("user", "hello")], 1, 1)


def test_the_newest_message_stays_even_if_it_alone_is_too_long() -> None:
    window = fit_window([SYSTEM, says("user", "old"), says("user", "x" * 4_000)], 100)
    assert [message["content"][:1] for message in window.messages] == ["B", "(", "x"]
    assert window.cost > 100


def test_no_gap_where_a_long_message_stands_between_short_ones() -> None:
    messages = [says("user", "short"), says("assistant", "x" * 400), says("user", "new")]
    assert texts(fit_window(messages, 40, marker=False)) == ["new"]


@pytest.mark.parametrize("messages", [[], [SYSTEM]])
def test_nothing_to_drop(messages: list[Message]) -> None:
    assert fit_window(messages, 0).messages == messages


@pytest.mark.parametrize("seed", range(40))
def test_any_conversation_is_cut_to_a_valid_end_of_itself(seed: int) -> None:
    chance = random.Random(seed)
    messages: list[Message] = [SYSTEM] * chance.randrange(2)
    for number in range(chance.randrange(1, 30)):
        if chance.random() < 0.3:
            names = [f"{number}-{call}" for call in range(chance.randrange(1, 4))]
            messages += [calls(*names), *(answers(name, "y" * chance.randrange(200)) for name in names)]
        else:
            messages.append(says("user", "z" * chance.randrange(300)))
    before = [dict(message) for message in messages]
    budget = chance.randrange(20, 600)
    window = fit_window(messages, budget)
    assert messages == before
    recent = [message for message in window.messages if message["role"] != "system"]
    turns = [message for message in messages if message["role"] != "system"]
    assert recent == turns[len(turns) - len(recent) :], "what is kept is the end of the conversation"
    assert window.dropped == len(turns) - len(recent)
    called = {call["id"] for message in recent for call in message.get("tool_calls", ())}
    assert called == {message["tool_call_id"] for message in recent if message["role"] == "tool"}
    assert window.cost == sum(map(estimated_tokens, window.messages))
    newest = next(at for at in range(len(turns) - 1, -1, -1) if turns[at]["role"] != "tool")
    alone = sum(map(estimated_tokens, [*turns[newest:], *(m for m in window.messages if m["role"] == "system")]))
    assert window.cost <= max(budget, alone)
