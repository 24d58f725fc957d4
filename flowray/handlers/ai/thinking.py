"""How each provider is told to think before it answers: OpenAI's API has a word for effort, the others their own."""

from __future__ import annotations

from typing import Any

LOW_TOKENS = 2_048
MEDIUM_TOKENS = 8_192
"""Budgets up to these are a low and a medium effort, for providers that know efforts only."""


def thinking_fields(provider: str, budget_tokens: int) -> dict[str, Any]:
    """Fields of the request body that ask for thinking; none for a provider without a way to ask."""
    match provider:
        case "anthropic":
            return {"thinking": {"type": "enabled", "budget_tokens": budget_tokens}}
        case "google":
            config = {"thinking_budget": budget_tokens, "include_thoughts": True}
            return {"extra_body": {"google": {"thinking_config": config}}}
        case "openrouter":
            return {"reasoning": {"max_tokens": budget_tokens}}
        case "openai" | "azure" | "xai" | "groq":
            return {"reasoning_effort": _effort(budget_tokens)}
        case "vllm" | "llama.cpp":
            return {"chat_template_kwargs": {"enable_thinking": True}}
        case _:
            return {}


def _effort(budget_tokens: int) -> str:
    if budget_tokens <= LOW_TOKENS:
        return "low"
    return "medium" if budget_tokens <= MEDIUM_TOKENS else "high"
