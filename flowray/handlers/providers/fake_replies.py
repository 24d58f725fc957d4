"""What the fake model says: text derived from the prompt, and JSON that fits a schema. Deterministic; knows no HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

CHARS_PER_TOKEN = 4
MAX_DEPTH = 12
"""Schemas may refer to themselves; deeper levels are left empty."""


def count_tokens(text: str) -> int:
    """Tokens as the fake counts them: a quarter of the characters, rounded up."""
    return -(-len(text) // CHARS_PER_TOKEN)


def text_of_content(content: Any) -> str:
    """The text of a message's content, which may be a list of parts."""
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return str(content or "")


def last_user_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """What the user said last."""
    users = [message for message in messages if message.get("role") == "user"]
    return text_of_content(users[-1].get("content")) if users else ""


def reply_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """A reply that shows what was asked: the prompt's first words, its length, and a mark that changes with it."""
    prompt = last_user_text(messages)
    system = text_of_content(next((m.get("content") for m in messages if m.get("role") == "system"), ""))
    mark = hashlib.sha256(f"{system}\n{prompt}".encode()).hexdigest()[:8]
    words = prompt.split()
    gist = " ".join(words[:24]) + (" …" if len(words) > 24 else "")
    shown = "".join(f", a picture {seen}" for seen in pictures(messages))
    return f"You asked: {gist} ({len(words)} words{shown}, reply {mark})"


def pictures(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """A mark for each picture among the messages, which follows from its address or data."""
    parts = [part for message in messages if isinstance(message.get("content"), list) for part in message["content"]]
    urls = [part["image_url"]["url"] for part in parts if isinstance(part, Mapping) and "image_url" in part]
    return [hashlib.sha256(url.encode()).hexdigest()[:8] for url in urls]


def pieces(text: str) -> list[str]:
    """``text`` cut as a model streams it: word by word, blanks kept; joined they are ``text`` again."""
    cut: list[str] = []
    for word in text.split(" "):
        cut.append(f" {word}" if cut else word)
    return [piece for piece in cut if piece]


def fit_schema(schema: Mapping[str, Any], seed: str, root: Mapping[str, Any] | None = None, depth: int = 0) -> Any:
    """A value that is valid for a JSON Schema of the common kind; strings are taken from ``seed``."""
    root = root or schema
    if "$ref" in schema:
        target: Any = root
        for part in str(schema["$ref"]).lstrip("#/").split("/"):
            target = target[part]
        return fit_schema(target, seed, root, depth + 1)
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    if schema.get("enum"):
        return schema["enum"][_number(seed) % len(schema["enum"])]
    for choice in ("anyOf", "oneOf"):
        if schema.get(choice):
            return fit_schema(schema[choice][0], seed, root, depth)
    if schema.get("allOf"):
        merged = {key: value for part in schema["allOf"] for key, value in part.items()}
        return fit_schema(merged, seed, root, depth)
    return _by_type(schema, seed, root, depth)


def _by_type(schema: Mapping[str, Any], seed: str, root: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    match kind:
        case "object":
            properties = schema.get("properties", {})
            wanted = properties if depth < MAX_DEPTH else schema.get("required", ())
            return {name: fit_schema(properties.get(name, {}), f"{seed} {name}", root, depth + 1) for name in wanted}
        case "array":
            least = int(schema.get("minItems", 1 if depth < MAX_DEPTH else 0))
            return [fit_schema(schema.get("items", {}), f"{seed} {index}", root, depth + 1) for index in range(least)]
        case "integer" | "number":
            low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
            high = schema.get("maximum", low + 100)
            return low + _number(seed) % max(int(high - low), 1)
        case "boolean":
            return _number(seed) % 2 == 0
        case "null":
            return None
        case _:
            return _string(schema, seed)


_FORMATS = {
    "date": "2026-01-01", "date-time": "2026-01-01T00:00:00Z", "time": "00:00:00Z", "email": "someone@example.com",
    "uri": "https://example.com/", "uuid": "00000000-0000-4000-8000-000000000000", "ipv4": "192.0.2.1",
}  # fmt: skip


def _string(schema: Mapping[str, Any], seed: str) -> str:
    text: str = _FORMATS.get(schema.get("format", ""), seed[:40] or "text")
    text = text.ljust(int(schema.get("minLength", 0)), "x")
    return text[: int(schema.get("maxLength", len(text)))]


def _number(seed: str) -> int:
    return int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16)


def tool_call(tools: Sequence[Mapping[str, Any]], choice: Any, seed: str) -> dict[str, Any]:
    """A call of the tool that ``tool_choice`` names, or of the first one, with arguments that fit its schema."""
    wanted = choice.get("function", {}).get("name") if isinstance(choice, Mapping) else None
    functions = [tool.get("function", {}) for tool in tools]
    function = next((one for one in functions if one.get("name") == wanted), functions[0])
    arguments = fit_schema(function.get("parameters") or {"type": "object"}, seed)
    identity = hashlib.sha256(f"{function.get('name')} {seed}".encode()).hexdigest()[:12]
    return {
        "id": f"call_{identity}",
        "type": "function",
        "function": {"name": function.get("name", ""), "arguments": json.dumps(arguments)},
    }


def scripted_turn(turn: Any, number: int) -> tuple[str, tuple[dict[str, Any], ...]]:
    """Text and calls of tools of one scripted turn, the ``number``-th of its conversation."""
    if not isinstance(turn, Mapping) or "toolCalls" not in turn:
        return (turn if isinstance(turn, str) else json.dumps(turn)), ()
    calls = [
        {"id": f"call_{number}_{index}", "type": "function", "function": {
            "name": call["name"], "arguments": json.dumps(call.get("arguments", {})),
        }}
        for index, call in enumerate(turn["toolCalls"])
    ]  # fmt: skip
    return str(turn.get("text", "")), tuple(calls)
