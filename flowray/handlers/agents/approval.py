"""A person's word on the call of a tool: what is asked, and what an answer means. Opens no waitpoint."""

from __future__ import annotations

from flowray.engine.signals import Answer, Pause
from flowray.handlers.agents.journal import ToolCall
from flowray.handlers.agents.tools import Tool
from flowray.handlers.handler import NodeInput
from flowray.handlers.log_view import log_view
from flowray.handlers.masking import mask_text
from flowray.values import encode_json

QUESTION_CHARS = 4_000

_YES = frozenset({"yes", "y", "true", "approve", "approved", "ok"})


def question(node: NodeInput, call: ToolCall, tool: Tool, timeout_ms: int | None) -> Pause:
    """Ask for approval, with the call shown and secrets masked. The answer may change the arguments."""
    arguments = log_view(call.arguments, node.services.hidden)
    text = encode_json(arguments).decode()
    who = node.node_name or node.node_id
    return Pause(
        reason=f"{who} wants to call {call.name}",
        prompt=mask_text(f"{who} wants to call {call.name} with {text}", node.services.hidden)[:QUESTION_CHARS],
        expected_input={
            "type": "object",
            "description": tool.description,
            "properties": {
                "approved": {"type": "boolean", "description": "Whether the call may be made."},
                "reason": {"type": "string", "description": "What the model is told if not."},
                "arguments": {
                    "type": "object", "description": "Other arguments than the model's.", "examples": [arguments],
                },
            },
            "required": ["approved"],
        },
        timeout_ms=timeout_ms,
        tags=("agent", "tool-approval"),
    )  # fmt: skip


def apply(call: ToolCall, answer: Answer) -> str | None:
    """Let the call go, with the arguments that the person gave; else what the model is told."""
    if answer.error is not None:
        return f"Nobody approved this call: {answer.error.message}"
    said = answer.output
    if isinstance(said, str):
        said = {"approved": said.strip().lower() in _YES}
    if not isinstance(said, dict):
        said = {"approved": said is True}
    if said.get("approved") is not True:
        reason = said.get("reason") or said.get("feedback")
        return "A person refused this call" + (f": {reason}" if reason else ".")
    if isinstance(said.get("arguments"), dict):
        call.arguments = said["arguments"]
    call.approved = True
    return None
