"""Where n8n goes on with several items: which nodes run once for each, in which loop. Translates no config.

n8n runs each node once for each item that comes in. Here a node runs once, and

* what comes behind a node that gives several items, up to one that looks at all of them, is the body of a loop;
* what comes behind ``Loop Over Items`` (Split in Batches) and leads back to it is the body of that loop;
* everywhere else a node reads the first item.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flowray.definition.dialects.n8n.document import N8nDocument, N8nNode
from flowray.definition.dialects.n8n.nodes import gives_list, is_list_reader, is_trigger

BATCHES = "splitInBatches"
_OUTSIDE = frozenset({BATCHES, "respondToWebhook", "stickyNote"})


@dataclass
class Loops:
    """``bodies``: the members of each loop, by its id here. ``of_source``: the loop over what a node gives."""

    bodies: dict[str, set[str]] = field(default_factory=dict)
    of_source: dict[str, str] = field(default_factory=dict)
    parent: dict[str, str] = field(default_factory=dict)

    def chain(self, node_id: str) -> list[str]:
        """The loops around a node, innermost first."""
        found: list[str] = []
        current = self.parent.get(node_id)
        while current is not None and current not in found:
            found.append(current)
            current = self.parent.get(current)
        return found


def done_output(node: N8nNode) -> int:
    """The output of a Split in Batches that fires at the end."""
    return 0 if node.version >= 3 else 1


def find_loops(document: N8nDocument) -> Loops:
    """All loops of a workflow."""
    loops = Loops()
    for node in document.nodes.values():
        if node.kind == BATCHES:
            _batches(document, node, loops)
    for node in _in_order(document):
        if node.id not in document.helping and gives_list(node):
            _region(document, node, loops)
    return loops


def _batches(document: N8nDocument, node: N8nNode, loops: Loops) -> None:
    leaving = document.leaving(node.id)
    done = done_output(node)
    body = _reached(document, [link.target for link in leaving if link.output != done], node.id)
    body -= _reached(document, [link.target for link in leaving if link.output == done], node.id)
    body = {member for member in body if document.nodes[member].kind != "stickyNote"}
    if isinstance(node.params.get("batchSize"), int) and node.params["batchSize"] > 1:
        node.unsupported("batchSize", "Each round takes one item; batches of several are not made.")
    loops.bodies[node.id] = body
    for member in body:
        known = loops.parent.get(member)
        if known is None or len(loops.bodies[known]) > len(body):
            loops.parent[member] = node.id


def _region(document: N8nDocument, source: N8nNode, loops: Loops) -> None:
    """The nodes behind ``source`` that nothing else leads to, as far as each looks at one item."""
    around = loops.parent.get(source.id)
    body: set[str] = set()
    waiting = [link.target for link in document.leaving(source.id)]
    while waiting:
        node_id = waiting.pop()
        node = document.nodes[node_id]
        inside = all(link.source in body or link.source == source.id for link in document.entering(node_id))
        fits = node.kind not in _OUTSIDE and not is_list_reader(node) and not is_trigger(node)
        if node_id in body or not inside or not fits or node_id == source.id or loops.parent.get(node_id) != around:
            continue
        body.add(node_id)
        waiting.extend(link.target for link in document.leaving(node_id))
        # What was looked at too early is looked at again once all that leads to it is in the body.
    if not body:
        return
    if around is not None and around in loops.of_source.values():
        source.unsupported("", "It gives several items within a loop over items: what follows takes the first of them.")
        return
    loop_id = f"{source.id}_each"
    loops.bodies[loop_id] = body
    loops.of_source[source.id] = loop_id
    if around is not None:
        loops.parent[loop_id] = around
    for member in body:
        loops.parent[member] = loop_id


def _reached(document: N8nDocument, starts: list[str], stop: str) -> set[str]:
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        node_id = waiting.pop()
        if node_id != stop and node_id not in found:
            found.add(node_id)
            waiting.extend(link.target for link in document.leaving(node_id))
    return found


def _in_order(document: N8nDocument) -> list[N8nNode]:
    """Nodes from the roots on, so that an outer source comes before one in its loop."""
    roots = [node.id for node in document.nodes.values() if not document.entering(node.id)]
    order = dict.fromkeys(roots)
    waiting = list(roots)
    while waiting:
        for link in document.leaving(waiting.pop(0)):
            if link.target not in order:
                order[link.target] = None
                waiting.append(link.target)
    return [document.nodes[node_id] for node_id in [*order, *(set(document.nodes) - set(order))]]
