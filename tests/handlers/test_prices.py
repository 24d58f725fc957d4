"""What calls cost, and that what is unknown costs None."""

from __future__ import annotations

import pytest

from flowray.engine.signals import Usage
from flowray.handlers.prices import LIST_PRICES, Amount, Price, Prices

MILLION = 1_000_000


def cost(prices: Prices, model: str, usage: Usage, provider: str = "openai", **amount: int) -> float | None:
    return prices.priced(usage, provider, model, Amount(**amount)).cost


def test_tokens_cost_what_the_list_says() -> None:
    usage = Usage(MILLION, MILLION // 10, cached_tokens=400_000)
    assert cost(Prices(), "gpt-4o", usage) == pytest.approx(0.6 * 2.5 + 0.4 * 1.25 + 0.1 * 10)
    assert cost(Prices(), "mistral-small", usage) == pytest.approx(0.1 + 0.1 * 0.3), "no price of its own for the cache"
    assert Prices().priced(usage, "openai", "gpt-4o").currency == "USD"


@pytest.mark.parametrize(
    ("provider", "model", "listed"),
    [
        ("openai", "gpt-4o-2024-08-06", "gpt-4o"), ("openai", "gpt-4-0613", "gpt-4"),
        ("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"), ("openrouter", "openai/gpt-4o", "gpt-4o"),
        ("mistral", "mistral-small-latest", "mistral-small"), ("openai", "gpt-4.1-mini", "gpt-4.1-mini"),
    ],
)  # fmt: skip
def test_names_with_dates_and_vendors(provider: str, model: str, listed: str) -> None:
    assert Prices().price(provider, model) == LIST_PRICES[listed]


def test_the_unknown_costs_none_and_the_free_nothing() -> None:
    usage = Usage(10, 10)
    assert cost(Prices(), "gpt-4o-ultra", usage) is None
    assert cost(Prices(), "llama", usage, "ollama") == 0.0
    assert cost(Prices(), "gpt-4o", Usage()) is None


def test_own_prices_go_first() -> None:
    prices = Prices({"gpt-4o": Price(1.0, 2.0), "acme/gpt-4o": Price(3.0)}, frozenset({"mine"}))
    assert cost(prices, "gpt-4o", Usage(MILLION, MILLION)) == 3.0
    assert cost(prices, "gpt-4o", Usage(MILLION, 0), "acme") == 3.0
    assert cost(prices, "gpt-4o", Usage(MILLION, 1), "acme") is None, "its answers have no price"
    assert cost(prices, "x", Usage(5, 5), "mine") == 0.0
    assert cost(prices, "x", Usage(5, 5), "ollama") is None


def test_the_providers_own_word_is_better() -> None:
    assert cost(Prices(), "gpt-4o", Usage(MILLION, 0, cost=0.01)) == 0.01


def test_images_minutes_seconds_and_characters() -> None:
    prices = Prices({"i": Price(image=0.04), "v": Price(second=0.1)})
    assert cost(prices, "i", Usage(12, 100), images=2) == 0.08
    assert cost(prices, "v", Usage(), seconds=8) == 0.8
    assert cost(prices, "whisper-1", Usage(), minutes=3) == pytest.approx(0.018)
    assert cost(prices, "tts-1", Usage(), characters=2_000) == 0.03
    assert cost(prices, "tts-1", Usage(), images=1) is None
