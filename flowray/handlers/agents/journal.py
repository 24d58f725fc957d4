"""What an agent knows between two of its steps: the conversation, the calls that are due, what was used. Plain data."""

from __future__ import annotations

from typing import Any

import msgspec

from flowray.engine.signals import Usage
from flowray.values import Json


class ToolCall(msgspec.Struct, omit_defaults=True):
    """A call that the model asks for. ``approved`` once a person has said yes; ``waits``: it is awaited."""

    id: str
    name: str
    arguments: dict[str, Any] = {}
    problem: str = ""
    approved: bool = False
    waits: bool = False
    started_at: int = 0


class Journal(msgspec.Struct, omit_defaults=True):
    """``messages`` in OpenAI's shape, without the instructions. ``due``: calls that have no result yet, in order.
    ``records``: those that have, as the output shows them. ``listed``: the tools of MCP servers, by the place of the
    server in the config, so that they stay the same for the whole run.
    """

    messages: list[dict[str, Any]] = []
    due: list[ToolCall] = []
    records: list[dict[str, Any]] = []
    listed: dict[str, list[dict[str, Any]]] = {}
    iterations: int = 0
    errors: int = 0
    usage: Usage = Usage()
    text: str = ""
    model: str = ""
    provider: str = ""
    started_at: int = 0
    approving: bool = False

    def answer(self, call: ToolCall, text: str) -> None:
        """The model is told what a call came to."""
        self.due = [due for due in self.due if due.id != call.id]
        self.messages.append({"role": "tool", "tool_call_id": call.id, "content": text})


def restored(journal: Json) -> Journal:
    """The journal of the last step."""
    return msgspec.convert(journal, Journal)


def kept(journal: Journal) -> Json:
    """The journal as the log keeps it."""
    encoded: Json = msgspec.to_builtins(journal)
    return encoded
