"""Providers of models by name: where they are, which key they want, which model serves what. Makes no calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from flowray.errors import ErrorCode, FlowrayError

Kind = Literal["chat", "embedding", "image", "speech", "transcription", "video"]
"""What a model is asked for."""

OPENAI_URL = "https://api.openai.com/v1"
OWN_ADDRESS = "own address"
"""What errors and outputs call the provider of a node that brings its own base URL and names no provider."""


@dataclass(frozen=True)
class Provider:
    """One endpoint. ``base_url`` None is OpenAI's. ``models``: the model that serves requests that name none, by kind.

    ``key_variables``: where a key was looked for, of an endpoint that refuses to answer without one; empty where none
    is needed. ``missing``: what else has to be configured before it can be asked, or None.
    """

    base_url: str | None = None
    api_key: str | None = None
    default_model: str | None = None
    models: Mapping[Kind, str] = field(default_factory=dict)
    key_variables: tuple[str, ...] = ()
    missing: str | None = None

    def model_for(self, kind: Kind) -> str | None:
        """The default model of that kind."""
        return self.models.get(kind) or (self.default_model if kind == "chat" else None)


@dataclass(frozen=True)
class Endpoint:
    """Whom a request goes to: the provider, the name under which it is known, the model, and whether the address is
    one that the node brought."""

    name: str
    provider: Provider
    model: str
    own_address: bool = False

    @property
    def circuit(self) -> str:
        """Whose failures count together: those of an address, where the node brings its own."""
        return self.provider.base_url or self.name if self.own_address else self.name


class Providers:
    """The configured providers. ``default`` is asked where a request names none; else it is the first one."""

    def __init__(self, providers: Mapping[str, Provider], default: str | None = None) -> None:
        self._providers = dict(providers)
        self._default = default or next(iter(self._providers), "openai")

    def endpoint(
        self, kind: Kind, name: str, model: str, base_url: str | None = None, api_key: str | None = None
    ) -> Endpoint:
        """Whom to ask. Raises PROVIDER_REJECTED for an unknown provider, PROVIDER_AUTH for one without its key,
        CONFIGURATION for one that lacks something else, INVALID_NODE_CONFIG for no model.
        """
        known_as = name or (OWN_ADDRESS if base_url else self._default)
        # A request with an address of its own never gets the key of a configured provider.
        provider = Provider(base_url, api_key) if base_url else self._known(known_as, api_key)
        chosen = model or provider.model_for(kind)
        if not chosen:
            raise FlowrayError(
                ErrorCode.INVALID_NODE_CONFIG,
                f"no model named, and provider {known_as!r} has no default model for {kind}",
                hint="name a model in the node, or set a default model of the provider",
            )
        return Endpoint(known_as, provider, chosen, bool(base_url))

    def _known(self, name: str, api_key: str | None) -> Provider:
        known = self._providers.get(name)
        if known is None:
            raise FlowrayError(
                ErrorCode.PROVIDER_REJECTED,
                f"the provider {name!r} is not configured",
                details={"provider": name, "configured": sorted(self._providers)},
                hint=f"configure it, or use one of: {', '.join(sorted(self._providers)) or 'none yet'}",
            )
        if known.missing is not None:
            raise FlowrayError(
                ErrorCode.CONFIGURATION, f"the provider {name!r} cannot be asked: {known.missing}",
                details={"provider": name},
            )  # fmt: skip
        key = api_key or known.api_key
        if key is None and known.key_variables:
            raise FlowrayError(
                ErrorCode.PROVIDER_AUTH,
                f"the provider {name!r} has no API key",
                details={"provider": name, "variables": list(known.key_variables)},
                hint=f"set {' or '.join(known.key_variables)}, or configure the provider's api_key_env",
            )
        return replace(known, api_key=key)
