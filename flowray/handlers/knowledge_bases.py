"""Knowledge bases as handlers see them: documents cut into chunks, and what is nearest to a vector. Who keeps them is
the runtime's business, who makes vectors that of ``services.models``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flowray.errors import ErrorCode, FlowrayError


@dataclass(frozen=True)
class KnowledgeBase:
    """``provider`` and ``model`` are those that make its vectors, empty for the default ones; ``dimensions`` 0 while it
    is empty.
    """

    id: str
    provider: str = ""
    model: str = ""
    dimensions: int = 0


@dataclass(frozen=True)
class StoredDocument:
    """``hash`` says what its chunks were made from."""

    hash: str
    chunks: int


@dataclass(frozen=True)
class NewDocument:
    """A document with its chunks and their vectors, one for each."""

    name: str
    hash: str
    chunks: Sequence[str]
    vectors: Sequence[Sequence[float]]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Passage:
    """A chunk that was found; ``similarity`` is a cosine, from -1 to 1."""

    content: str
    similarity: float
    document: str
    number: int
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Knowledge(Protocol):
    """The knowledge bases of a workspace. All raise FlowrayError DATABASE_UNAVAILABLE."""

    async def base(self, workspace_id: str, base_id: str) -> KnowledgeBase | None: ...

    async def create(self, workspace_id: str, base: KnowledgeBase) -> None:
        """Create it unless it is there."""
        ...

    async def document(self, workspace_id: str, base_id: str, name: str) -> StoredDocument | None: ...

    async def put(self, workspace_id: str, base_id: str, document: NewDocument) -> None:
        """In the place of the one with its name. Raises NOT_FOUND, or INVALID_REQUEST for other dimensions."""
        ...

    async def search(
        self, workspace_id: str, base_id: str, vector: Sequence[float], most: int, at_least: float
    ) -> list[Passage]:
        """The nearest, the best first."""
        ...


class NoKnowledge:
    """Of a lane that was given none."""

    async def base(self, workspace_id: str, base_id: str) -> KnowledgeBase | None:
        raise _absent()

    async def create(self, workspace_id: str, base: KnowledgeBase) -> None:
        raise _absent()

    async def document(self, workspace_id: str, base_id: str, name: str) -> StoredDocument | None:
        raise _absent()

    async def put(self, workspace_id: str, base_id: str, document: NewDocument) -> None:
        raise _absent()

    async def search(
        self, workspace_id: str, base_id: str, vector: Sequence[float], most: int, at_least: float
    ) -> list[Passage]:
        raise _absent()


def _absent() -> FlowrayError:
    return FlowrayError(ErrorCode.CONFIGURATION, "this lane has no access to knowledge bases")
