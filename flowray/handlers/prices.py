"""What calls of models cost: list prices in US dollars, overridden by settings. A model that is not listed costs None,
which means unknown; it does not mean nothing.

List prices of December 2025, for short contexts and without discounts for batches. They change: set your own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from flowray.engine.signals import Usage

CURRENCY = "USD"
MILLION = 1_000_000

FREE_PROVIDERS = frozenset({"ollama", "vllm", "llama.cpp", "local"})
"""Who serves models on machines of one's own."""


@dataclass(frozen=True)
class Price:
    """US dollars per million input, cached input and output tokens; per image, minute of audio, second of video, and
    million characters of spoken text. None is unknown; cached input without a price costs as much as other input."""

    input: float | None = None
    output: float | None = None
    cached_input: float | None = None
    image: float | None = None
    minute: float | None = None
    second: float | None = None
    characters: float | None = None


@dataclass(frozen=True)
class Amount:
    """What a call used beside tokens."""

    images: int = 0
    minutes: float = 0.0
    seconds: float = 0.0
    characters: int = 0


_TOKEN_PRICES = """
gpt-5 1.25 10 0.125                 gpt-5-mini 0.25 2 0.025             gpt-5-nano 0.05 0.4 0.005
gpt-5.1 1.25 10 0.125               gpt-4.1 2 8 0.5                     gpt-4.1-mini 0.4 1.6 0.1
gpt-4.1-nano 0.1 0.4 0.025          gpt-4o 2.5 10 1.25                  gpt-4o-mini 0.15 0.6 0.075
gpt-4-turbo 10 30                   gpt-4 30 60                         gpt-3.5-turbo 0.5 1.5
o1 15 60 7.5                        o3 2 8 0.5                          o3-mini 1.1 4.4 0.55
o4-mini 1.1 4.4 0.275               gpt-image-1 5 40                    text-embedding-3-small 0.02 0
text-embedding-3-large 0.13 0       text-embedding-ada-002 0.1 0        claude-3-haiku 0.25 1.25
claude-3-5-haiku 0.8 4 0.08         claude-haiku-4-5 1 5 0.1            claude-3-opus 15 75
claude-3-5-sonnet 3 15 0.3          claude-3-7-sonnet 3 15 0.3          claude-sonnet-4 3 15 0.3
claude-sonnet-4-5 3 15 0.3          claude-opus-4 15 75 1.5             claude-opus-4-1 15 75 1.5
claude-opus-4-5 5 25 0.5            gemini-2.5-pro 1.25 10 0.125        gemini-2.5-flash 0.3 2.5 0.03
gemini-2.5-flash-lite 0.1 0.4 0.01  gemini-2.0-flash 0.1 0.4            gemini-embedding-001 0.15 0
mistral-large 2 6                   mistral-medium 0.4 2                mistral-small 0.1 0.3
codestral 0.3 0.9                   mistral-embed 0.1 0                 deepseek-chat 0.28 0.42 0.028
deepseek-reasoner 0.28 0.42 0.028   grok-4 3 15 0.75                    grok-3 3 15 0.75
grok-3-mini 0.3 0.5                 llama-3.3-70b-versatile 0.59 0.79   llama-3.1-8b-instant 0.05 0.08
command-a 2.5 10                    command-r 0.15 0.6                  command-r-plus 2.5 10
embed-v4.0 0.12 0
"""
"""Name, then input, output and cached input per million tokens."""


def _table() -> dict[str, Price]:
    table: dict[str, Price] = {
        "whisper-1": Price(minute=0.006), "gpt-4o-transcribe": Price(minute=0.006),
        "gpt-4o-mini-transcribe": Price(minute=0.003), "tts-1": Price(characters=15.0),
        "tts-1-hd": Price(characters=30.0),
    }  # fmt: skip
    for name, prices in re.findall(r"(\S*[a-z]\S*)((?: +[\d.]+(?= |\n|$))+)", _TOKEN_PRICES):
        table[name] = Price(*(float(price) for price in prices.split()))
    return table


LIST_PRICES: Mapping[str, Price] = _table()
"""By the model's name without its date."""

_DATED = re.compile(r"(?:[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest))+$")


@dataclass(frozen=True)
class Prices:
    """``own`` prices by ``provider/model`` or by model go before the list; ``free`` providers cost nothing."""

    own: Mapping[str, Price] = field(default_factory=dict)
    free: frozenset[str] = FREE_PROVIDERS

    def price(self, provider: str, model: str) -> Price | None:
        """The price of a model, with or without the date in its name, and of ``vendor/model`` as resellers name it."""
        for name in (f"{provider}/{model}", model):
            if name in self.own:
                return self.own[name]
        if provider in self.free:
            return Price(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        bare = _DATED.sub("", model)
        vendor, _, name = bare.rpartition("/")
        return LIST_PRICES.get(bare) or (LIST_PRICES.get(name) if vendor else None)

    def priced(self, usage: Usage, provider: str, model: str, amount: Amount | None = None) -> Usage:
        """``usage`` with its cost, unless it has one: the provider's own word is better."""
        if usage.cost is not None:
            return usage
        price = self.price(provider, model)
        cost = None if price is None else _cost(price, usage, amount or Amount())
        return usage if cost is None else msgspec.structs.replace(usage, cost=cost, currency=CURRENCY)


def _cost(price: Price, usage: Usage, amount: Amount) -> float | None:
    """None if nothing was used that has a price, or if tokens of a model sold by tokens have none."""
    charges: list[tuple[float, float | None]] = [
        (amount.images, price.image), (amount.minutes, price.minute), (amount.seconds, price.second),
        (amount.characters / MILLION, price.characters),
    ]  # fmt: skip
    charges = [charge for charge in charges if charge[1] is not None]
    if price.input is not None or price.output is not None:
        cached = min(usage.cached_tokens, usage.input_tokens)
        cached_price = price.input if price.cached_input is None else price.cached_input
        charges += [
            ((usage.input_tokens - cached) / MILLION, price.input), (cached / MILLION, cached_price),
            (usage.output_tokens / MILLION, price.output),
        ]  # fmt: skip
    used = [(count, each) for count, each in charges if count]
    if not used or any(each is None for _, each in used):
        return None
    return round(sum(count * (each or 0.0) for count, each in used), 10)
