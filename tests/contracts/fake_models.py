"""The world of the contracts that ask models: the fake OpenAI server on loopback, through the real SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from flowray.handlers.circuit_breaker import CircuitBreakers
from flowray.handlers.prices import Price, Prices
from flowray.handlers.providers.aiohttp_transport import AiohttpTransport
from flowray.handlers.providers.fake_openai import create_fake_openai
from flowray.handlers.providers.lazy_models import LazyChatModel, LazyClients, LazyModels
from flowray.handlers.providers.provider import Kind, Provider
from tests.contracts.contract import Case, World
from tests.fakes.loopback import loopback_server
from tests.fakes.services import fake_services

AGAINST = "the fake OpenAI server over HTTP"
KINDS: tuple[Kind, ...] = ("chat", "embedding", "image", "speech", "transcription", "video")
PRICE = Price(input=1_000.0, output=2_000.0)
"""A tenth of a cent per input token: sums that are easy to read."""


def asking(cases: Callable[[str], Sequence[Case]]) -> Callable[[], AbstractAsyncContextManager[World]]:
    """A world whose provider ``openai``, and every other, is the fake server; ``cases`` are given its address."""

    @asynccontextmanager
    async def world() -> AsyncIterator[World]:
        with loopback_server(create_fake_openai()) as url:
            provider = Provider(f"{url}/v1", "sk-test", models=dict.fromkeys(KINDS, "fake-model"))
            clients = LazyClients({"openai": provider, "other": provider}, "openai")
            breakers, prices = CircuitBreakers(), Prices({"fake-model": PRICE})
            http = AiohttpTransport(allow_private=True)

            async def close() -> None:
                await clients.aclose()
                await http.aclose()

            services = fake_services(
                http=http, chat=LazyChatModel(clients), models=LazyModels(clients, breakers, prices, poll_s=0.0),
                prices=prices, breakers=breakers, close=close,
            )  # fmt: skip
            yield World(services, cases(url))

    return world


def has(**expected: Any) -> Callable[[Any], None]:
    """A check that these keys have these values; a callable value is asked."""

    def check(output: Any) -> None:
        for key, value in expected.items():
            found = output[key] if isinstance(output, dict) else getattr(output, key)
            assert value(found) if callable(value) else found == value, f"{key}: {found!r}"

    return check
