"""Config fields that all node types share which ask a model: whom to ask, and who stands in. Asks nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator, model_validator

from flowray.handlers.ai.completion import Fallback
from flowray.handlers.model_calls import DEFAULT_PROVIDER, MODEL_TIMEOUT_MS, Target
from flowray.handlers.node_config import NodeConfig, rename

ASKING_SPELLINGS: dict[str, tuple[str, ...]] = {"baseUrl": ("baseURL", "endpoint")}

CACHE_TTL_MS = 24 * 3_600_000
"""How long an answer is kept where the author does not say."""


class CacheConfig(NodeConfig):
    """How long answers are kept, in ms."""

    ttl_ms: int = Field(CACHE_TTL_MS, gt=0, le=365 * 24 * 3_600_000, description="In ms; a day without it.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return {} if values is True else rename(values, ttlMs=("ttl",))


class TargetConfig(NodeConfig):
    """Whom to ask."""

    provider: str | None = Field(None, description="Name of a configured provider; the default one without it.")
    model: str | None = Field(None, description="Model name; the provider's default without it.")
    base_url: str | None = Field(None, description="Address of an OpenAI-compatible server, instead of a provider.")
    api_key: str | None = Field(None, description="Key for that address, usually {{secrets.NAME}}.")
    timeout_ms: int = Field(MODEL_TIMEOUT_MS, gt=0, description="Longest time without a piece of the answer, in ms.")


class AskingConfig(TargetConfig):
    """Whom to ask for a completion, who stands in, and how long answers are kept."""

    fallbacks: list[Fallback] = Field(
        default_factory=list,
        description="Asked in turn while nothing of an answer has come: {provider, model} each, or the name of another "
        "model of the same provider.",
    )
    cache: CacheConfig | None = Field(
        None, description="true, or {ttlMs}: the same request is answered from the cache for so long, at no cost."
    )

    @property
    def cache_ttl_ms(self) -> int | None:
        """How long an answer is kept; None for a node without a cache."""
        return None if self.cache is None else self.cache.ttl_ms

    @field_validator("cache", mode="before")
    @classmethod
    def _cache(cls, values: Any) -> Any:
        return None if values is False or values == "" else values

    @field_validator("fallbacks", mode="before")
    @classmethod
    def _named(cls, values: Any) -> Any:
        listed = values if isinstance(values, list) else [values]
        return [{"model": value} if isinstance(value, str) else value for value in listed if value]


def provider_limit(config: Mapping[str, Any]) -> str | None:
    """Nodes that ask a provider are under the limit of its name; an endpoint of a node's own has no name."""
    provider = config.get("provider")
    if isinstance(provider, str) and provider:
        return provider
    own = any(config.get(name) for name in ("baseUrl", "base_url", "baseURL", "endpoint"))
    return None if own else DEFAULT_PROVIDER


def target_of(config: TargetConfig) -> Target:
    """Whom to ask, for models that do not chat."""
    return Target(config.provider or "", config.model or "", config.base_url, config.api_key, config.timeout_ms)
