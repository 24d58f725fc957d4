"""Which messages of a conversation still fit: the token-aware sliding window of agents and chats. Pure; asks no model.

Messages have OpenAI's shape: ``{role, content, tool_calls?, tool_call_id?}``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from flowray.handlers.node_config import text_of

Message = dict[str, Any]
Count = Callable[[Message], int]

SYSTEM_ROLES = frozenset({"system", "developer"})

CHARS_PER_TOKEN = 4
"""Rule of thumb for English text, where nobody counts exactly."""

TOKENS_PER_MESSAGE = 4
"""What a message costs besides its text: role and separators, as OpenAI's chat format has it."""


class Window(NamedTuple):
    """What is kept. ``dropped``: messages left out. ``cost`` of what is kept, in the unit of the budget."""

    messages: list[Message]
    dropped: int
    cost: int


def estimated_tokens(message: Message) -> int:
    """Tokens of a message by its length."""
    calls = message.get("tool_calls")
    chars = len(text_of(message.get("content"))) + (len(text_of(calls)) if calls else 0)
    return -(-chars // CHARS_PER_TOKEN) + TOKENS_PER_MESSAGE


def one_each(message: Message) -> int:
    """Counts messages instead of tokens; instructions are free."""
    return 0 if message.get("role") in SYSTEM_ROLES else 1


def fit_window(
    messages: Sequence[Message], budget: int, count: Count = estimated_tokens, marker: bool = True
) -> Window:
    """Instructions first, then as many of the newest messages as ``budget`` allows, without a gap between them.

    A call of tools and the answers to it are kept or left out together; an answer whose call is not there is left out,
    since no provider accepts it. Instructions and the newest message (with what belongs to it) are kept even if they
    alone exceed the budget: ``cost`` shows it. With ``marker`` a note says how many messages are missing, within the
    budget. ``messages`` is not changed.
    """
    instructions = [message for message in messages if message.get("role") in SYSTEM_ROLES]
    turns = _turns([message for message in messages if message.get("role") not in SYSTEM_ROLES])
    fixed = sum(map(count, instructions))
    expected = len(messages) - len(instructions)
    note = count(_note(expected)) if marker else 0
    kept, cost = _newest(turns, budget - fixed, count)
    if marker and sum(map(len, kept)) < expected:
        kept, cost = _newest(turns, budget - fixed - note, count)
    recent = [message for turn in kept for message in turn]
    dropped = expected - len(recent)
    notes = [_note(dropped)] if marker and dropped else []
    return Window([*instructions, *notes, *recent], dropped, fixed + cost + sum(map(count, notes)))


def _newest(turns: list[list[Message]], budget: int, count: Count) -> tuple[list[list[Message]], int]:
    kept: list[list[Message]] = []
    spent = 0
    for turn in reversed(turns):
        cost = sum(map(count, turn))
        if kept and spent + cost > budget:
            break
        kept.append(turn)
        spent += cost
    return kept[::-1], spent


def _turns(messages: list[Message]) -> list[list[Message]]:
    """Messages that belong together: a call of tools with its answers; any other by itself."""
    turns: list[list[Message]] = []
    asked: dict[str, list[Message]] = {}
    for message in messages:
        if message.get("role") == "tool":
            turn = asked.get(str(message.get("tool_call_id")))
            if turn is not None:
                turn.append(message)
            continue
        turn = [message]
        turns.append(turn)
        for call in message.get("tool_calls") or ():
            if isinstance(call, dict):
                asked[str(call.get("id"))] = turn
    return turns


def _note(dropped: int) -> Message:
    return {"role": "system", "content": f"({dropped} earlier messages of this conversation are left out.)"}
