"""Names of actors and of the namespace they live in (R41). What a person reads in the Ray dashboard."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def namespace(instance: str, server: str = "") -> str:
    """One namespace per flowray instance, so that two servers on one cluster never share actors.

    ``server`` tells apart those of one database, which is what makes an instance.
    """
    return f"flowray-{instance}-{server}" if server else f"flowray-{instance}"


@lru_cache(maxsize=1)
def build_hash() -> str:
    """Ten hex digits over flowray's own source: ``get_if_exists`` ignores arguments, so old code would survive an
    upgrade under the same name.
    """
    digest = hashlib.sha256()
    root = Path(__file__).parents[2]
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


def hub_name(build: str) -> str:
    """The actor of supervisor, store shard and token stream."""
    return f"hub-{build}"


def orchestrator_name(build: str, number: int) -> str:
    """An orchestrator of the pool. Number 0 is also the journal where SQLite is the database."""
    return f"orchestrator-{number}-{build}"


def quarantine_name(build: str) -> str:
    """The orchestrator of executions that may have killed their owners. Comes on demand."""
    return f"orchestrator-quarantine-{build}"


def lane_name(build: str, number: int) -> str:
    """An io lane."""
    return f"io-lane-{number}-{build}"


def broker_name(build: str) -> str:
    """The actor that submits tasks which outlive their orchestrator. Comes on demand."""
    return f"task-broker-{build}"


def dedicated_name(execution_id: str) -> str:
    """The orchestrator of a single execution under ``isolation: dedicated``."""
    return f"execution-{execution_id}"
