"""Providers of models and their prices, made of Settings. Keys are read here, in the process that uses them."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Engine

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.model_calls import DEFAULT_PROVIDER
from flowray.handlers.prices import FREE_PROVIDERS, Price, Prices
from flowray.handlers.providers.presets import PRESETS, preset_provider
from flowray.handlers.providers.provider import Kind, Provider
from flowray.persistence.database.engine import DatabaseOptions, open_database
from flowray.settings import ProviderSettings, Settings, secret_from_environment


def build_providers(settings: Settings) -> dict[str, Provider]:
    """All presets, and what settings say. Raises CONFIGURATION for a preset that does not exist."""
    providers = {name: preset_provider(preset, secret_from_environment) for name, preset in PRESETS.items()}
    providers[DEFAULT_PROVIDER] = _default(settings, providers[DEFAULT_PROVIDER])
    for name, given in settings.providers.items():
        providers[name] = _configured(name, given, providers)
    return providers


def build_prices(settings: Settings) -> Prices:
    """The list, under the operator's own prices."""
    own = {name: Price(**given.model_dump()) for name, given in settings.prices.items()}
    free = {name for name, given in settings.providers.items() if given.free}
    return Prices(own, FREE_PROVIDERS | free)


def open_answers(settings: Settings) -> Engine:
    """Where answers are cached: the database, or with SQLite a file of its own, which every lane may write (R26)."""
    if not settings.uses_sqlite:
        return open_database(settings.resolved_database_url, DatabaseOptions(pool_size=1))
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    # What a loss of power takes is asked for again.
    options = DatabaseOptions(synchronous="NORMAL", pool_size=1)
    return open_database(f"sqlite:///{settings.state_dir / 'llm_cache.db'}", options)


def _default(settings: Settings, preset: Provider) -> Provider:
    """Who is asked where a node names nobody: OpenAI, or the server at ``llm_base_url``, which may want no key."""
    key = secret_from_environment(settings.llm_api_key_env)
    if settings.llm_base_url is None:
        variables = (settings.llm_api_key_env,)
        return replace(preset, api_key=key, default_model=settings.llm_default_model, key_variables=variables,
                       models=_models(preset, settings.llm_default_model))  # fmt: skip
    return Provider(
        settings.llm_base_url, key, settings.llm_default_model, models=_models(preset, settings.llm_default_model)
    )


def _configured(name: str, given: ProviderSettings, known: dict[str, Provider]) -> Provider:
    if given.preset is not None and given.preset not in PRESETS:
        raise FlowrayError(
            ErrorCode.CONFIGURATION,
            f"the provider {name!r} names the preset {given.preset!r}, which does not exist",
            hint=f"presets: {', '.join(PRESETS)}",
        )
    preset = preset_provider(PRESETS[given.preset], secret_from_environment) if given.preset else known.get(name)
    base = preset or Provider()
    key, variables = base.api_key, base.key_variables
    if given.base_url is not None:
        # The key of a vendor never goes to another address.
        key, variables = None, ()
    if given.api_key_env is not None:
        key, variables = secret_from_environment(given.api_key_env), (given.api_key_env,)
    missing = None if given.base_url is not None else base.missing
    if given.base_url is None and preset is None:
        missing = "its base_url is not configured"
    return Provider(
        given.base_url or base.base_url, key, given.default_model or base.default_model,
        models={**_models(base, given.default_model), **given.models}, key_variables=variables, missing=missing,
    )  # fmt: skip


def _models(base: Provider, chat: str | None) -> dict[Kind, str]:
    return {**base.models, **({"chat": chat} if chat else {})}
