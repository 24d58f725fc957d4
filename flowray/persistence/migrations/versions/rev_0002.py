"""What durability adds to the first schema: one function for each concept, in the order in which they depend."""

from __future__ import annotations

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Expand only: programs of the first schema can go on working on this one (R41)."""
