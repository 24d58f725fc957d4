"""Ids of workflows, executions and requests: time-ordered, made here and nowhere else."""

from __future__ import annotations

import secrets

import uuid_utils


def new_id() -> str:
    """A UUIDv7 as text: sorts by time of making, and within one process in order of making."""
    return str(uuid_utils.uuid7())


def new_token() -> str:
    """128 random bits that nobody guesses: the right to complete a waitpoint (R30). Hexadecimal, safe in any URL."""
    return f"wp_{secrets.token_hex(16)}"
