"""The SDK is imported by the first call, not before, and closed only if it was."""

from __future__ import annotations

import pytest

from flowray.handlers.circuit_breaker import CircuitBreakers
from flowray.handlers.prices import Prices
from flowray.handlers.providers.chat_models import OpenAIChatModel
from flowray.handlers.providers.fake_openai import create_fake_openai
from flowray.handlers.providers.lazy_models import LazyChatModel, LazyClients, LazyModels
from flowray.handlers.providers.provider import Provider
from flowray.handlers.services import ChatRequest
from tests.fakes.loopback import loopback_server


async def test_the_first_call_makes_it_the_real_model() -> None:
    with loopback_server(create_fake_openai()) as url:
        provider = Provider(f"{url}/v1", default_model="fake-model", models={"embedding": "fake-embedding"})
        clients = LazyClients({"openai": provider})
        lazy, models = LazyChatModel(clients), LazyModels(clients, CircuitBreakers(), Prices())
        asked = ChatRequest(model="", messages=[{"role": "user", "content": "Say hello"}])
        chunks = [chunk async for chunk in lazy.stream(asked)]
        assert "".join(chunk.text for chunk in chunks)
        assert chunks[-1].usage is not None
        assert isinstance(lazy.load(), OpenAIChatModel)
        assert lazy.load() is lazy.load()
        assert (await models.embed(["a", "b"])).dimensions == 256
        await clients.aclose()


async def test_what_was_never_used_is_neither_loaded_nor_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    clients = LazyClients({})
    monkeypatch.setattr(clients, "load", lambda: pytest.fail("loaded without need"))
    assert LazyModels(clients, CircuitBreakers(), Prices()) is not LazyChatModel(clients)
    await clients.aclose()
