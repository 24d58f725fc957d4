"""Each provider is asked to think in its own words."""

from __future__ import annotations

from flowray.handlers.ai.thinking import thinking_fields


def test_each_provider_has_its_own_words() -> None:
    assert thinking_fields("anthropic", 4_096) == {"thinking": {"type": "enabled", "budget_tokens": 4_096}}
    google = thinking_fields("google", 1_024)["extra_body"]["google"]["thinking_config"]
    assert google == {"thinking_budget": 1_024, "include_thoughts": True}
    assert thinking_fields("openrouter", 1_024) == {"reasoning": {"max_tokens": 1_024}}
    assert thinking_fields("vllm", 1_024) == {"chat_template_kwargs": {"enable_thinking": True}}
    efforts = [thinking_fields("openai", budget)["reasoning_effort"] for budget in (2_048, 4_096, 8_193)]
    assert efforts == ["low", "medium", "high"]
    assert thinking_fields("acme", 4_096) == {}
