"""Rules for every test: no Ray but where tests are about it, no sleeping, no network, no inherited settings."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

RAY_FOLDERS = ("integration", "acceptance", "durability")
TESTS = Path(__file__).parent
LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")
LONGEST_SLEEP_S = 0.05

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("flowray", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("flowray")

# A setting of the machine must not decide whether a test passes. At import, before anything reads them.
_HOSTILE = ("FLOWRAY_TEST_FAULTS", "FLOWRAY_TEST_SEED", "FLOWRAY_TEST_ALWAYS_RECOVER", "FLOWRAY_TEST_SABOTAGE",
            "FLOWRAY_TEST_DATABASE")  # fmt: skip
_KEPT = ("FLOWRAY_CORPUS", "FLOWRAY_ACCEPTANCE_FULL", "FLOWRAY_SOAK_S", *_HOSTILE)
for _name in [name for name in os.environ if name.startswith("FLOWRAY_") and name not in _KEPT]:
    del os.environ[_name]


def _may_start_ray(path: Path) -> bool:
    folder = path.relative_to(TESTS).parts[0]
    return folder in RAY_FOLDERS or folder == "notebooks"


def pytest_configure(config: pytest.Config) -> None:
    """Load what makes a run hostile only where it is to be."""
    if any(os.environ.get(name) for name in _HOSTILE):
        config.pluginmanager.import_plugin("tests.hostile.plugin")


@pytest.fixture(autouse=True)
def _unit_rules(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a unit test may not do raises where it is done."""
    if _may_start_ray(request.path):
        yield
        return
    _forbid_ray(monkeypatch)
    _forbid_sleep(monkeypatch)
    _forbid_network(monkeypatch)
    yield


def _forbid_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("a unit test starts Ray; such tests live in tests/integration or tests/acceptance")

    # Only where something has imported it: importing Ray costs two seconds.
    if "ray" in sys.modules:
        monkeypatch.setattr("ray.init", refuse)


def _forbid_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only calls from test code raise: what is under test may wait for threads and processes of its own."""
    sleep = time.sleep

    def checked(seconds: float) -> None:
        caller = sys._getframe(1).f_code.co_filename
        if seconds > LONGEST_SLEEP_S and Path(caller).is_relative_to(TESTS):
            raise AssertionError(f"a test sleeps {seconds} s; wait for what it is waiting for")
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", checked)


def _forbid_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def checked(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if isinstance(host, str) and not host.startswith(LOOPBACK):
            raise AssertionError(f"a unit test connects to {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", checked)
