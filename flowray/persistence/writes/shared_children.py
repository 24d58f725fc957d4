"""The write by which an execution waits for a child that is there already (R19)."""

from __future__ import annotations

from flowray.persistence.writes.base import Write


class JoinChild(Write, tag="join_child", frozen=True):
    """The execution ``parent_id`` waits under ``parent_key`` for one that is there, with whoever else does.

    ``parent_epoch`` fences it as the start of a child. If the child has ended, its end is put into the parent's inbox
    in the same transaction; if not, that is done by the commit that ends it. A repeat changes nothing.
    Result: Done with ``told``, Fenced, or Refused(NOT_FOUND) if the child has been deleted.
    """

    child_id: str
    parent_id: str
    parent_key: str
    parent_epoch: int
    ts: int

    def touches(self) -> tuple[str, ...]:
        """Both executions."""
        return (f"execution {self.child_id}", f"execution {self.parent_id}")
