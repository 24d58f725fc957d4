"""The workflows that the benchmarks run, and the checks that they did run: rows counted, outputs right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from benchmarks import effect_node

Definition = dict[str, Any]


def chain(length: int) -> Definition:
    """``length`` variable nodes in a row, each adding one; pure, so they may run ahead of the commit."""
    nodes: dict[str, Any] = {"start": {"type": "input", "config": {"inputName": "n"}}}
    edges = []
    previous = "start"
    for number in range(length):
        node_id = f"n{number:05d}"
        config = {"operation": "increment", "variableName": "count", "value": 1}
        nodes[node_id] = {"type": "variable", "config": config}
        edges.append({"source": previous, "target": node_id})
        previous = node_id
    nodes["end"] = {"type": "output", "config": {"outputName": "count", "value": "{{var.count}}", "format": "number"}}
    edges.append({"source": previous, "target": "end"})
    return {
        "name": f"chain of {length}",
        "nodes": nodes,
        "edges": edges,
        "entryPoint": "start",
        "variables": {"count": {"default": 0}},
    }


def fan_out(width: int) -> Definition:
    """One node, ``width`` variable nodes side by side, one join."""
    nodes: dict[str, Any] = {"start": {"type": "input", "config": {"inputName": "n"}}}
    edges = []
    for number in range(width):
        node_id = f"n{number:05d}"
        config = {"operation": "increment", "variableName": "count", "value": 1}
        nodes[node_id] = {"type": "variable", "config": config}
        edges.append({"source": "start", "target": node_id})
        edges.append({"source": node_id, "target": "end"})
    nodes["end"] = {"type": "output", "config": {"outputName": "count", "value": "{{var.count}}", "format": "number"}}
    return {
        "name": f"fan-out of {width}",
        "nodes": nodes,
        "edges": edges,
        "entryPoint": "start",
        "settings": {"maxConcurrentNodes": 10_000},
        "variables": {"count": {"default": 0}},
    }


def effect_chain(length: int) -> Definition:
    """``length`` nodes in a row, each with an effect that needs the result of the one before: two commits for each."""
    nodes: dict[str, Any] = {"start": {"type": "input", "config": {"inputName": "zero"}}}
    edges = []
    previous, read = "start", "{{inputs.zero}}"
    for number in range(length):
        node_id = f"n{number:05d}"
        nodes[node_id] = {"type": effect_node.NAME, "config": {"n": read}}
        edges.append({"source": previous, "target": node_id})
        previous, read = node_id, f"{{{{{node_id}}}}}"
    nodes["end"] = {"type": "output", "config": {"outputName": "count", "value": read, "format": "number"}}
    edges.append({"source": previous, "target": "end"})
    return {"name": f"{length} effects in a row", "nodes": nodes, "edges": edges, "entryPoint": "start"}


def waiting_fan_out(width: int, url: str) -> Definition:
    """``width`` HTTP nodes side by side that each wait for a slow server."""
    definition = fan_out(width)
    for node_id, node in definition["nodes"].items():
        if node["type"] == "variable":
            number = int(node_id[1:])
            node.update(type="http", config={"method": "GET", "url": f"{url}&n={number}", "failOnStatus": True})
    definition["nodes"]["end"]["config"] = {"outputName": "done", "value": "yes"}
    definition["name"] = f"{width} waiting nodes"
    return definition


def heavy_chain(length: int) -> Definition:
    """``length`` transform nodes in a row; each reads the text of the one before and puts out all of it, with its own
    number, so that no two outputs are equal. The text is an input, so it says how large the outputs are.
    """
    nodes: dict[str, Any] = {"start": {"type": "input", "config": {"inputName": "text"}}}
    edges = []
    previous, text = "start", "{{inputs.text}}"
    for number in range(length):
        node_id = f"n{number:05d}"
        config = {"operation": "passthrough", "inputData": {"number": number, "text": text}}
        nodes[node_id] = {"type": "transform", "config": config}
        edges.append({"source": previous, "target": node_id})
        previous, text = node_id, f"{{{{{node_id}.text}}}}"
    nodes["end"] = {"type": "output", "config": {"outputName": "last", "value": f"{{{{{previous}.number}}}}"}}
    edges.append({"source": previous, "target": "end"})
    return {"name": f"heavy chain of {length}", "nodes": nodes, "edges": edges, "entryPoint": "start"}


def broken(
    events: Sequence[Mapping[str, Any]],
    nodes: Sequence[Mapping[str, Any]],
    definition: Definition,
    outputs: Any,
    expected: Any,
    ran: Collection[str] | None = None,
) -> str:
    """Why a run does not count, or "": every node started and completed once, every row there, the outputs right.

    ``ran``: the nodes that should, where others are skipped.
    """
    due = set(definition["nodes"] if ran is None else ran)
    for kind in ("node.started", "node.completed"):
        seen = [event["instance"] for event in events if event["type"] == kind]
        if len(seen) != len(due) or set(seen) != due:
            return f"{len(seen)} {kind} events of {len(set(seen))} nodes for {len(due)} nodes"
    if [event["seq"] for event in events] != list(range(1, len(events) + 1)):
        return "the events are not contiguous"
    if events[-1]["type"] != "execution.completed":
        return f"the last event is {events[-1]['type']}"
    total = len(definition["nodes"])
    statuses = Counter(row["status"] for row in nodes)
    if len(nodes) != total or statuses["completed"] != len(due) or statuses["skipped"] != total - len(due):
        return f"{len(nodes)} node logs for {total} nodes, {statuses['completed']} of {len(due)} completed"
    return "" if outputs == expected else f"outputs are {outputs!r}, not {expected!r}"
