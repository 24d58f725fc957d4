"""What a node that asks a language model may spend, guessed by length before it runs. The real usage corrects it."""

from __future__ import annotations

from typing import Any

from flowray.engine.context import ContextSlice
from flowray.handlers.conversation_window import CHARS_PER_TOKEN
from flowray.plan import ExecutableNode
from flowray.values import StoredValue, as_value, encode_json

ANSWER_TOKENS = 500
"""Of an answer whose length the author does not bound."""


def estimated_tokens(node: ExecutableNode, context: ContextSlice) -> int:
    """Tokens of prompt and answer: the config's text, and the values that it reads, as if each stood in it once.

    Templates are filled in the lane only, so this cannot be exact; reading too much in is the safe side.
    """
    text = encode_json(node.config)
    read = [*context.outputs.values(), *(value for name, value in context.inputs.items() if name.encode() in text)]
    size = len(text) + sum(_size(value) for value in read)
    return -(-size // CHARS_PER_TOKEN) + _answer_tokens(node)


def _size(value: Any) -> int:
    known = as_value(value)
    return known.bytes if isinstance(known, StoredValue) else len(encode_json(value))


def _answer_tokens(node: ExecutableNode) -> int:
    bound = node.config.get("maxTokens", node.config.get("max_tokens"))
    return bound if isinstance(bound, int) and not isinstance(bound, bool) and bound > 0 else ANSWER_TOKENS
