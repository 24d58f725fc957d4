"""Ids of workflows, executions and requests: time-ordered, made here and nowhere else."""

from __future__ import annotations

import uuid_utils


def new_id() -> str:
    """A UUIDv7 as text: sorts by time of making, and within one process in order of making."""
    return str(uuid_utils.uuid7())
