"""What a function that makes a config may look at. Makes none itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flowray.definition.dialects.n8n.document import N8nDocument, N8nNode
from flowray.definition.dialects.n8n.expressions import Texts

Typed = tuple[str, dict[str, Any]]
"""A node type and its config."""


@dataclass(frozen=True)
class Source:
    """What a node's function may look at. ``lists``: the template of all the items that come in, one for each input."""

    node: N8nNode
    texts: Texts
    document: N8nDocument
    lists: list[str]
