"""Starts a local Ray, or connects to one, with the settings that flowray needs. Ends only what it started."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any

import ray
from ray._private import ray_constants

from flowray.runtime.on_ray.haproxy import HaproxyPorts, environment, own_folder

logger = logging.getLogger(__name__)

ENVIRONMENT = {
    # A worker that has these modules loaded starts in a third of the time (docs/performance.md).
    "RAY_preload_python_modules": "flowray.runtime.on_ray.preload",
    # An id in a metric label would make one time series per execution.
    "RAY_metric_cardinality_level": "recommended",
    # Ray keeps about 4 KB of each of its last 100,000 tasks, for the dashboard. The last 20,000 are enough to look at.
    "RAY_task_events_max_num_task_in_gcs": "20000",
    # Serve silences nothing of ours by sending its usage report: there is no network to send it to.
    "RAY_USAGE_STATS_ENABLED": "0",
    # A Serve shutdown otherwise waits 30 s for requests that a local server does not have.
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
    # Our code never blocks its loop; a thread of its own would cost a hop for each chunk of a stream.
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    # HAProxy cuts streams this long after a reload; two minutes is its default.
    "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "3600",
}


_VITAL = (ray_constants.PROCESS_TYPE_GCS_SERVER, ray_constants.PROCESS_TYPE_RAYLET)
"""Without one of these nothing runs; the others come back, or only show something."""


@dataclass(frozen=True)
class RaySession:
    """A connection to Ray. ``dashboard_url`` is None without a dashboard; ``started`` if this process started Ray."""

    address: str
    dashboard_url: str | None
    session_dir: str
    started: bool

    def is_alive(self) -> bool:
        """Whether the processes of a Ray that this process started all live. Another Ray ends its clients itself."""
        node = ray._private.worker._global_node
        return not self.started or node is None or not any(name in _VITAL for name, _ in node.dead_processes())


def hosts() -> frozenset[str]:
    """The machines that Ray has now, by name."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return frozenset(str(node["NodeManagerHostname"]) for node in nodes if node["Alive"])


def connect(
    *,
    address: str | None,
    namespace: str,
    num_cpus: float | None,
    dashboard: bool,
    dashboard_port: int,
    haproxy: HaproxyPorts | None = None,
) -> RaySession:
    """Connect to the Ray at ``address``, or start one on this machine whose dashboard listens on loopback only.

    ``haproxy`` chooses Ray Serve's HAProxy mode, which is decided by the environment in which Ray starts: of a Ray that
    runs already it says nothing.

    Raises ConnectionError if ``address`` does not answer.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if haproxy is not None and address is None:
        for name, value in environment(own_folder(), haproxy).items():
            os.environ.setdefault(name, value)
    options: dict[str, Any] = {"namespace": namespace, "log_to_driver": False, "logging_level": logging.WARNING}
    if address is None:
        options.update(
            include_dashboard=dashboard,
            dashboard_host="127.0.0.1",
            dashboard_port=dashboard_port,
            num_cpus=num_cpus,
        )
    else:
        options["address"] = address
    # That token authentication is on is what we want, and documented; Ray warns of it at every start.
    logging.getLogger("ray._private.authentication.authentication_token_setup").setLevel(logging.ERROR)
    context: Any = ray.init(**options)
    url = context.dashboard_url
    return RaySession(
        address=context.address_info["address"],
        dashboard_url=f"http://{url}" if url else None,
        session_dir=context.address_info["session_dir"],
        started=address is None,
    )


def disconnect() -> None:
    """Leave Ray; a Ray that this process started ends with it."""
    ray.shutdown(wait_for_processes=True)


def auth_token_command() -> str:
    """What prints the token that the dashboard asks for (Ray's token authentication)."""
    return "ray get-auth-token"
