"""Providers and prices made of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowray.bootstrap_models import build_prices, build_providers
from flowray.errors import FlowrayError
from flowray.handlers.prices import Price
from flowray.handlers.providers.provider import Provider
from flowray.settings import PriceSettings, ProviderSettings
from tests.test_bootstrap import settings_in


def providers(path: Path, **given: Any) -> dict[str, Provider]:
    return build_providers(settings_in(path, **given))


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "GROQ_API_KEY", "LOCAL_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_without_settings_the_default_is_openai_and_wants_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = providers(tmp_path)["openai"]
    assert (found.base_url, found.api_key, found.key_variables) == (
        "https://api.openai.com/v1", None, ("OPENAI_API_KEY",),
    )  # fmt: skip
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert providers(tmp_path)["openai"].api_key == "k"


def test_a_server_of_ones_own_wants_no_key(tmp_path: Path) -> None:
    found = providers(tmp_path, llm_base_url="http://a/v1", llm_default_model="m")["openai"]
    assert (found.base_url, found.model_for("chat"), found.key_variables) == ("http://a/v1", "m", ())
    assert found.model_for("embedding") == "text-embedding-3-small"


def test_what_is_configured_goes_before_the_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "groq-key")
    monkeypatch.setenv("LOCAL_KEY", "local-key")
    given = {
        "groq": ProviderSettings(default_model="llama-x"),
        "mine": ProviderSettings(base_url="http://b/v1", api_key_env="LOCAL_KEY", models={"embedding": "e"}),
        "elsewhere": ProviderSettings(preset="groq", base_url="http://proxy/v1"),
        "nowhere": ProviderSettings(default_model="m"),
    }
    found = providers(tmp_path, providers=given)
    assert (found["groq"].api_key, found["groq"].model_for("chat")) == ("groq-key", "llama-x")
    assert found["groq"].model_for("transcription") == "whisper-large-v3"
    assert (found["mine"].api_key, found["mine"].model_for("embedding")) == ("local-key", "e")
    assert found["elsewhere"].api_key is None, "the vendor's key does not go to another address"
    assert found["nowhere"].missing == "its base_url is not configured"


def test_a_preset_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FlowrayError) as caught:
        providers(tmp_path, providers={"x": ProviderSettings(preset="y")})
    assert caught.value.code == "CONFIGURATION"
    assert "'y'" in caught.value.message


def test_prices_and_free_providers(tmp_path: Path) -> None:
    prices = build_prices(
        settings_in(
            tmp_path,
            prices={"m": PriceSettings(input=1.5)},
            providers={"mine": ProviderSettings(base_url="http://b", free=True)},
        )
    )
    assert prices.price("openai", "m") == Price(input=1.5)
    free = prices.price("mine", "anything")
    assert free is not None
    assert free.input == 0.0
