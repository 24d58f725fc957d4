"""Tokens of a completion whose server reports none: counted for models whose encoding is known, else estimated."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flowray.engine.signals import Usage
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.conversation_window import CHARS_PER_TOKEN, TOKENS_PER_MESSAGE
from flowray.handlers.extras import load_extra
from flowray.handlers.node_config import text_of
from flowray.handlers.services import ChatRequest

TOKENS_BEFORE_ANSWER = 3
"""What the beginning of the answer costs, as OpenAI's chat format has it."""

_ENCODINGS = (
    (re.compile(r"(?:.*/)?(?:gpt-4o|gpt-4\.1|gpt-5|chatgpt-4o|o1|o3|o4)(?:[-.].*)?$"), "o200k_base"),
    (re.compile(r"(?:.*/)?(?:gpt-4|gpt-3\.5|gpt-35)(?:[-.].*)?$"), "cl100k_base"),
)
"""By model, the first that fits, as OpenAI publishes them."""


def encoding_of(model: str) -> str | None:
    """Name of the encoding of a model; None for models that are not OpenAI's."""
    return next((name for pattern, name in _ENCODINGS if pattern.match(model)), None)


async def counted_usage(
    request: ChatRequest, text: str, thinking: str, tool_calls: Sequence[Mapping[str, Any]], model: str
) -> Usage:
    """Usage of a whole answer. Marked as estimated unless the tokens of a known encoding could be counted."""
    said = text + thinking + "".join(str(call.get("function", {}).get("arguments", "")) for call in tool_calls)
    prompts = [text_of_content(message.get("content")) for message in request.messages]
    encoding = encoding_of(model)
    if encoding is not None:
        try:
            # Off the loop: loading an encoding takes half a second, once.
            return await asyncio.to_thread(_counted, encoding, prompts, said, model)
        except FlowrayError as error:
            if error.code is not ErrorCode.MISSING_EXTRA:
                raise
    chars = sum(map(len, prompts))
    return Usage(-(-chars // CHARS_PER_TOKEN), -(-len(said) // CHARS_PER_TOKEN), model, estimated=True)


def _counted(encoding: str, prompts: Sequence[str], said: str, model: str) -> Usage:
    encode = load_extra("bpe_openai", "tokens").get_encoding(encoding).encode_ordinary
    asked = sum(len(encode(prompt)) + TOKENS_PER_MESSAGE for prompt in prompts)
    return Usage(asked + TOKENS_BEFORE_ANSWER, len(encode(said)), model)


def text_of_content(content: Any) -> str:
    """The text of a message, which may be a list of parts; pictures count as nothing."""
    if isinstance(content, list):
        return " ".join(text_of(part.get("text")) for part in content if isinstance(part, Mapping))
    return text_of(content)
