"""A whole flowray on this machine: Ray, Serve, actors, HTTP API. Started at once, stopped by id. Knows no terminal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from flowray.api.deployment import run_application, start_serve, stop_application
from flowray.bootstrap import database_facts
from flowray.bootstrap_ray import runtime_config, serve_application
from flowray.cli.ports import free_port
from flowray.cli.reach import check_reach
from flowray.errors import ErrorCode, FlowrayError
from flowray.runtime.on_ray.cluster import create_actors, kill_actors, wait_until_ready
from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.haproxy import HaproxyPorts, is_installed
from flowray.runtime.on_ray.session import RaySession, auth_token_command, connect, disconnect, hosts
from flowray.settings import Settings

Report = Callable[[str], None]
"""Told what is being waited for."""


@dataclass
class Instance:
    """A running instance. ``settings`` have the ports in use, also where 0 asked for free ones."""

    settings: Settings
    config: RuntimeConfig
    session: RaySession

    @property
    def url(self) -> str:
        """Where the HTTP API answers."""
        return f"http://{self.settings.host}:{self.settings.port}"

    def facts(self) -> dict[str, Any]:
        """What ``flowray serve`` prints: addresses, database, durability, and what workflows may reach."""
        database = database_facts(self.settings)
        return {
            "url": self.url,
            "docs": f"{self.url}/openapi.json",
            "version": database["version"],
            "database": self.settings.resolved_database_url.partition("://")[0]
            if not self.settings.uses_sqlite
            else self.settings.resolved_database_url,
            "durability": database["durability_mode"],
            "private_targets": "allowed" if self.settings.allow_private_targets else "refused",
            "trusted_code": "allowed" if self.settings.trusted_code else "refused",
            "ray_address": self.session.address,
            "ray_started_here": self.session.started,
            "dashboard": self.session.dashboard_url,
            "dashboard_token_command": auth_token_command(),
        }

    def is_up(self) -> bool:
        """Whether the Ray that it lives in does."""
        return self.session.is_alive()

    def stop(self, report: Report) -> None:
        """End what this process started, and nothing else. Executions that have not ended go on at the next start."""
        if self.session.started:
            # Everything else lives in this Ray and ends with it; what is acknowledged is in the database.
            report("stopping Ray and all that runs on it")
        else:
            report("stopping the HTTP API and the workers")
            stop_application()
            kill_actors(self.config)
        disconnect()


def start_instance(settings: Settings, report: Report, on_connected: Callable[[], None] = lambda: None) -> Instance:
    """Returns when the first request can be answered. Whatever was started is stopped again if anything fails.

    ``on_connected`` is called once Ray is there: it has replaced the process's signal handlers by its own.
    """
    settings = _with_ports(settings)
    if settings.proxy == "haproxy" and not is_installed():
        raise FlowrayError(
            ErrorCode.CONFIGURATION,
            "FLOWRAY_PROXY is haproxy, and there is no HAProxy on this machine",
            hint='pip install "ray[serve]" brings it on Linux; or leave the setting out',
        )
    report("preparing the database")
    config = runtime_config(settings)
    report("starting Ray" if settings.ray_address is None else f"connecting to Ray at {settings.ray_address}")
    session = _connect(settings, config)
    instance = Instance(settings, config, session)
    try:
        on_connected()
        for warning in check_reach(settings, hosts()):
            report(warning)
        report("starting the workers and the HTTP API")
        _start_processes(settings, config)
    except BaseException:
        instance.stop(report)
        raise
    return instance


def _connect(settings: Settings, config: RuntimeConfig) -> RaySession:
    try:
        return connect(
            address=settings.ray_address,
            namespace=config.namespace,
            num_cpus=settings.num_cpus,
            dashboard=settings.dashboard,
            dashboard_port=settings.dashboard_port,
            haproxy=_haproxy_ports() if settings.proxy == "haproxy" else None,
        )
    except Exception as error:
        # Ray has no error class of its own for this; what it says is long, and its first line says it.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        where = "started" if settings.ray_address is None else f"reached at {settings.ray_address}"
        raise FlowrayError(
            ErrorCode.RUNTIME_UNAVAILABLE,
            f"Ray cannot be {where}: {reason}",
            hint="is the machine overloaded, or the dashboard's port taken? Ray's logs are in /tmp/ray/session_latest",
        ) from error


def _haproxy_ports() -> HaproxyPorts:
    return HaproxyPorts(stats=free_port("0.0.0.0"), metrics=free_port("0.0.0.0"))


def _start_processes(settings: Settings, config: RuntimeConfig) -> None:
    # Serve announces every step; what matters is printed once all of it stands.
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    # Every process costs 1.4 to 2 s of CPU: all of them start at once, and the wait is for the slowest.
    actors = create_actors(config)
    with ThreadPoolExecutor(1, thread_name_prefix="flowray-start") as pool:
        serving = pool.submit(start_serve, settings.host, settings.port)
        application = serve_application(settings, config)
        serving.result()
    run_application(application)
    wait_until_ready(actors)


def _with_ports(settings: Settings) -> Settings:
    """Port 0 means a free one; Serve and Ray must be told which."""
    free = {
        name: free_port(settings.host if name == "port" else "127.0.0.1")
        for name in ("port", "dashboard_port")
        if getattr(settings, name) == 0
    }
    return settings.model_copy(update=free) if free else settings
