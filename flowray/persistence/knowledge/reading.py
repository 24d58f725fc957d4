"""What can be read of knowledge bases. No database here."""

from __future__ import annotations

from typing import Protocol

from flowray.persistence.records import DEFAULT_WORKSPACE, Page
from flowray.persistence.records.knowledge import DocumentRecord, KnowledgeBaseRecord, PassageRecord


class KnowledgeReader(Protocol):
    """Knowledge bases as committed."""

    def base(self, base_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> KnowledgeBaseRecord | None:
        """With its counts."""
        ...

    def bases(self, *, limit: int = 50, cursor: str | None = None, workspace_id: str = DEFAULT_WORKSPACE) -> Page:
        """KnowledgeBaseRecords by id, without their counts. Raises FlowrayError INVALID_CURSOR."""
        ...

    def document(self, base_id: str, name: str, workspace_id: str = DEFAULT_WORKSPACE) -> DocumentRecord | None: ...

    def documents(
        self, base_id: str, *, limit: int = 50, cursor: str | None = None, workspace_id: str = DEFAULT_WORKSPACE
    ) -> Page:
        """DocumentRecords by name. Raises FlowrayError INVALID_CURSOR."""
        ...

    def search(
        self, base_id: str, vector: bytes, *, most: int, at_least: float = -1.0, workspace_id: str = DEFAULT_WORKSPACE
    ) -> list[PassageRecord]:
        """The chunks nearest to ``vector``, the best first; none of a base that is not there."""
        ...
