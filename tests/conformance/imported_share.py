"""How much of the real n8n and Dify files becomes a real node: counted node by node, by n8n's or Dify's type.

A node counts as mapped if what it becomes has a known type, and the parameters without which that type does nothing. A
helper node of n8n (a model, a tool, a memory) counts if the node that it helps takes it over.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from flowray.definition.diagnostics import Diagnostics
from flowray.definition.dialects.dify.references import node_name
from flowray.definition.dialects.n8n.document import read_n8n
from flowray.definition.dialects.n8n.importing import is_taken_over
from flowray.definition.workflow import WorkflowDefinition
from tests.conformance.imported_runs import REGISTRY, document, files, loaded

ESSENTIAL: dict[str, tuple[str, ...]] = {
    "http": ("url",), "code": ("code",), "integration": ("provider",), "llm": ("prompt", "messages"),
    "agent": ("prompt", "messages"), "router": ("routes",), "conditional": ("expression", "conditions"),
    "loop": ("collection", "count"), "database": ("operation",), "knowledgeBaseQuery": ("query",), "email": ("to",),
    "vision": ("imageInput",), "audioOutput": ("textInput",), "audioTranscription": ("audioSource",),
    "variable": ("variableName",), "variables": ("assignments",), "transform": ("operation",), "output": ("value",),
    "parseDocument": ("file",), "pdfExtract": ("file",), "fileRead": ("path",), "fileWrite": ("path",),
    "workflow": ("workflowId", "definition"),
}  # fmt: skip
"""By type: fields of which one must say something."""


@dataclass
class Share:
    """Counts by the tool's own type. ``notes``: how many of the nodes are notes, which are easy."""

    mapped: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    notes: int = 0

    def count(self, kind: str, *, is_mapped: bool) -> None:
        """One more node."""
        (self.mapped if is_mapped else self.unmapped)[kind] += 1

    @property
    def of_all(self) -> float:
        """Mapped nodes of all."""
        return self.mapped.total() / (self.mapped.total() + self.unmapped.total())

    @property
    def without_notes(self) -> float:
        """Mapped nodes of all but the notes."""
        mapped = self.mapped.total() - self.notes
        return mapped / (mapped + self.unmapped.total())

    def table(self) -> str:
        """Unmapped types with counts, the commonest first."""
        lines = [f"{count:4}  {kind}" for kind, count in self.unmapped.most_common()]
        shares = f"{self.of_all:.1%} of all nodes, {self.without_notes:.1%} without notes"
        return "\n".join([shares, *lines])


def n8n_share() -> Share:
    """Over all n8n files. A file that does not load counts as unmapped."""
    share = Share()
    for path in files("n8n"):
        source = read_n8n(document(path), Diagnostics())
        definition = loaded(path).definition
        for node in source.nodes.values():
            if node.kind == "stickyNote":
                share.notes += 1
            if node.id in source.helping and not source.entering(node.id):
                share.count(node.kind, is_mapped=is_taken_over(source, node))
            else:
                share.count(node.kind, is_mapped=definition is not None and is_real(definition, node.id))
    return share


def dify_share() -> Share:
    """Over all Dify files. The start of an iteration becomes the edge into the loop."""
    share = Share()
    for path in files("dify"):
        definition = loaded(path).definition
        for item in document(path)["workflow"]["graph"]["nodes"]:
            kind = item["data"].get("type") or "note"
            share.notes += kind == "note"
            if kind in ("iteration-start", "loop-start"):
                share.count(kind, is_mapped=True)
            else:
                share.count(kind, is_mapped=definition is not None and is_real(definition, node_name(str(item["id"]))))
    return share


def is_real(definition: WorkflowDefinition, node_id: str) -> bool:
    """Whether a node has a known type and what that type needs."""
    node = definition.nodes.get(node_id)
    if node is None or not REGISTRY.is_known(node.type):
        return False
    wanted = ESSENTIAL.get(node.type, ())
    return not wanted or any(_says(node.config.get(key)) for key in wanted)


def _says(value: Any) -> bool:
    return value not in (None, "", [], {}, "{{null}}")
