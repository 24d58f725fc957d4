"""Presets take key and address from their usual variables, and say so where these are absent."""

from __future__ import annotations

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.providers.presets import PRESETS, preset_provider
from flowray.handlers.providers.provider import Providers

REFUSING = (
    "openai",
    "anthropic",
    "google",
    "openrouter",
    "groq",
    "mistral",
    "deepseek",
    "xai",
    "cohere",
    "huggingface",
)


def providers(**variables: str) -> Providers:
    return Providers({name: preset_provider(preset, variables.get) for name, preset in PRESETS.items()})


@pytest.mark.parametrize("name", REFUSING)
def test_without_its_key_a_provider_says_which_variable_it_wants(name: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        providers().endpoint("chat", name, "m")
    variables = PRESETS[name].key_variables
    assert caught.value.code == "PROVIDER_AUTH"
    assert caught.value.hint is not None
    assert f"set {' or '.join(variables)}" in caught.value.hint
    found = providers(**{variables[-1]: "key"}).endpoint("chat", name, "m")
    assert found.provider.api_key == "key"
    assert (found.provider.base_url or "").startswith("https://")


@pytest.mark.parametrize("name", ["ollama", "vllm", "llama.cpp"])
def test_local_servers_want_no_key(name: str) -> None:
    found = providers().endpoint("chat", name, "m")
    assert found.provider.api_key is None
    assert (found.provider.base_url or "").startswith("http://127.0.0.1:")


def test_azure_is_where_its_variable_says() -> None:
    with pytest.raises(FlowrayError) as caught:
        providers(AZURE_OPENAI_API_KEY="k").endpoint("chat", "azure", "m")
    assert (caught.value.code, "AZURE_OPENAI_ENDPOINT" in caught.value.message) == ("CONFIGURATION", True)
    there = providers(AZURE_OPENAI_API_KEY="k", AZURE_OPENAI_ENDPOINT="https://mine.openai.azure.com/")
    assert there.endpoint("chat", "azure", "m").provider.base_url == "https://mine.openai.azure.com/openai/v1/"


def test_the_first_variable_that_is_set_wins() -> None:
    found = providers(GEMINI_API_KEY="first", GOOGLE_API_KEY="second").endpoint("embedding", "google", "")
    assert (found.provider.api_key, found.model) == ("first", "gemini-embedding-001")
