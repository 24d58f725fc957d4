"""The Ray Serve deployment of the HTTP API. It only starts, looks and streams: no workflow runs inside a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from ray import serve
from ray.serve import Application

from flowray.runtime.settled_process import settle

APPLICATION = "flowray"

MAX_ONGOING_REQUESTS = 1_000
"""An open event stream counts as one; Ray Serve's default of 5 blocks at the sixth (R50)."""

DRAIN_S = 600.0
"""A rolling update waits this long for open streams; their readers then resume by Last-Event-ID."""

LOOK_S = 1.0
"""How often Serve asks a replica whether it lives. A dead one is replaced no sooner; Serve's default is ten seconds."""

AppFactory = Callable[[], Any]
"""Builds the ASGI app inside the replica; made by bootstrap with the settings inside."""


@serve.ingress()
class Ingress:
    """Hosts the FastAPI app of one replica."""

    def __init__(self, factory: AppFactory) -> None:
        self._factory = factory

    def __serve_build_asgi_app__(self) -> Any:
        app = self._factory()
        settle()
        return app


def ingress_application(factory: AppFactory, replicas: int = 1) -> Application:
    """The Serve application, to be given to ``serve.run`` or named by a Serve config's ``import_path``."""
    deployment: Any = serve.deployment(
        Ingress,
        name="Ingress",
        num_replicas=replicas,
        max_ongoing_requests=MAX_ONGOING_REQUESTS,
        graceful_shutdown_timeout_s=DRAIN_S,
        graceful_shutdown_wait_loop_s=0.5,
        health_check_period_s=LOOK_S,
        ray_actor_options={"num_cpus": 0},
    )
    application: Application = deployment.bind(factory)
    return application


def start_serve(host: str, port: int) -> None:
    """Start Serve's controller and proxy; returns before the proxy listens."""
    serve.start(http_options={"host": host, "port": port})


def run_application(application: Application) -> None:
    """Deploy the ingress and return when it answers."""
    serve.run(application, name=APPLICATION, route_prefix="/")


def stop_application() -> None:
    """Take the ingress down; whatever else Serve hosts stays."""
    serve.delete(APPLICATION)


def stop_serve() -> None:
    """Take Serve itself down: only on a Ray that is ours alone."""
    cast(Any, serve.shutdown)()
