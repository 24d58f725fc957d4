"""What a hostile run adds to pytest: each test has hostile runtimes, and the header says how to run the same again."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest

from tests.hostile.modes import chosen, make_hostile
from tests.hostile.sabotages import SABOTAGES


def pytest_configure() -> None:
    """A sabotage holds for the whole run."""
    if chosen().sabotage:
        SABOTAGES[chosen().sabotage].apply()


def pytest_report_header() -> str:
    """The modes and the seed."""
    return f"hostile: {chosen()}"


@pytest.fixture(autouse=True)
def _hostile_modes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """For runtimes in this process; those on Ray get them from tests/cluster.py.

    Each test draws its own faults, the same whether it runs alone or among others.
    """
    modes = chosen()
    seed = zlib.crc32(f"{modes.seed} {request.node.nodeid}".encode())
    make_hostile(replace(modes, seed=seed), monkeypatch)
