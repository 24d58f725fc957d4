"""Picks implementations for a runtime on Ray. Apart from bootstrap so that a local run imports no Ray."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import FastAPI
from ray.serve import Application

from flowray.api.app import create_app
from flowray.api.context import ApiOptions, AppServices
from flowray.api.deployment import ingress_application
from flowray.api.tokens import PublicTokens
from flowray.bootstrap import (
    build_registry,
    callback_options,
    child_limits,
    database_facts,
    migrate,
    open_storage,
    retention_policy,
    run_scheduler,
    signing_key,
)
from flowray.bootstrap_connections import open_outside, open_sealer
from flowray.bootstrap_services import build_services
from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.directory import RayDirectory
from flowray.runtime.on_ray.names import build_hash
from flowray.settings import Settings


def runtime_config(settings: Settings) -> RuntimeConfig:
    """The instance's shape on Ray. Brings the database up to date first."""
    return RuntimeConfig(
        instance=migrate(settings),
        build=build_hash(),
        one_writer=settings.uses_sqlite,
        storage_factory=partial(open_storage, settings),
        services_factory=partial(build_services, settings),
        registry_factory=partial(build_registry, settings),
        orchestrators=settings.orchestrators,
        lanes=settings.io_lanes,
        lane_override=settings.lane,
        dedicated=settings.isolation == "dedicated",
        child_limits=child_limits(settings),
        schedule=partial(run_scheduler, settings),
        opener=partial(open_sealer, settings),
        callbacks=callback_options(settings),
        retention=retention_policy(settings),
        max_failed_recoveries=settings.max_recoveries,
        server=settings.server_name,
        lane_memory_bytes=settings.lane_memory_bytes,
    )


async def _open_directory(config: RuntimeConfig, facts: dict[str, Any]) -> RayDirectory:
    directory = RayDirectory(config, facts)
    await directory.open()
    return directory


def build_replica_app(settings: Settings, config: RuntimeConfig) -> FastAPI:
    """The FastAPI app of one Serve replica."""
    return create_app(
        AppServices(
            directory=partial(_open_directory, config, database_facts(settings)),
            registry=config.registry_factory(),
            tokens=PublicTokens(signing_key(settings), lifetime_s=settings.token_ttl_s),
            options=ApiOptions(max_body_bytes=settings.max_body_bytes),
            opener=config.opener,
            outside=partial(open_outside, settings),
        )
    )


def serve_application(settings: Settings, config: RuntimeConfig) -> Application:
    """The Serve application of these settings."""
    return ingress_application(partial(build_replica_app, settings, config), settings.replicas)
