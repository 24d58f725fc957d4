"""Which provider a request goes to, with which key, and what is said where there is none."""

from __future__ import annotations

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.providers.provider import OWN_ADDRESS, Provider, Providers

PROVIDERS = Providers(
    {
        "a": Provider("http://a/v1", "key-a", "m", {"embedding": "e"}),
        "keyless": Provider(default_model="m", key_variables=("A_KEY", "B_KEY")),
        "azure": Provider(missing="set AZURE_OPENAI_ENDPOINT", default_model="m"),
    }
)


def failing(*asked: str) -> FlowrayError:
    with pytest.raises(FlowrayError) as caught:
        PROVIDERS.endpoint(*asked)  # type: ignore[arg-type]
    return caught.value


def test_defaults_by_kind() -> None:
    found = PROVIDERS.endpoint("chat", "", "")
    assert (found.name, found.model, found.provider.api_key) == ("a", "m", "key-a")
    assert PROVIDERS.endpoint("embedding", "a", "").model == "e"
    assert PROVIDERS.endpoint("embedding", "a", "mine").model == "mine"
    assert failing("image", "a", "").code == "INVALID_NODE_CONFIG"
    assert "no default model for image" in failing("image", "a", "").message


def test_a_foreign_base_url_never_gets_a_configured_key() -> None:
    found = PROVIDERS.endpoint("chat", "a", "m", "http://evil/v1")
    assert (found.provider.base_url, found.provider.api_key, found.name) == ("http://evil/v1", None, "a")
    assert PROVIDERS.endpoint("chat", "", "m", "http://mine/v1", "k").name == OWN_ADDRESS
    assert PROVIDERS.endpoint("chat", "a", "m", None, "k").provider.api_key == "k"


def test_what_is_not_there_is_named() -> None:
    error = failing("chat", "acme", "m")
    assert (error.code, error.details["configured"]) == ("PROVIDER_REJECTED", ["a", "azure", "keyless"])
    error = failing("chat", "keyless", "m")
    assert (error.code, error.retryable) == ("PROVIDER_AUTH", False)
    assert error.hint is not None
    assert error.hint.startswith("set A_KEY or B_KEY")
    assert failing("chat", "azure", "m").message == "the provider 'azure' cannot be asked: set AZURE_OPENAI_ENDPOINT"
