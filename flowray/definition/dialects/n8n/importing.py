"""n8n → flowray: nodes with their loops, helper nodes, edges and entry point. Configs are made in ``nodes``."""

from __future__ import annotations

from typing import Any

from flowray.definition.diagnostics import Diagnostics
from flowray.definition.dialects.n8n import models
from flowray.definition.dialects.n8n.conditions import switch_rules
from flowray.definition.dialects.n8n.document import Link, N8nDocument, N8nNode, as_object, read_n8n
from flowray.definition.dialects.n8n.expressions import Shape, Texts, filled
from flowray.definition.dialects.n8n.items import BATCHES, done_output, find_loops
from flowray.definition.dialects.n8n.nodes import gives_list, is_list_reader, is_trigger, typed_config
from flowray.definition.dialects.n8n.source import Source

Config = dict[str, Any]

_PASSING = frozenset({"if", "filter", "switch", "wait", "textClassifier", "sentimentAnalysis", "noOp", "executionData"})
"""Nodes that hand on the item that came in."""

_AS_LIST = "const one = value => Array.isArray(value) ? value : value == null ? [] : [value];\n" + (
    "const lists = value => value !== null && typeof value === 'object' && !Array.isArray(value)\n"
    "  ? Object.values(value).filter(Array.isArray) : [];\n"
    "return one(lists(value).length === 1 ? lists(value)[0] : value).filter(item => item != null);"
)


def from_n8n(document: dict[str, Any], diagnostics: Diagnostics) -> Config:
    """n8n → flowray. Findings point into ``document`` as given."""
    return _Import(read_n8n(document, diagnostics)).definition()


def is_taken_over(document: N8nDocument, helper: N8nNode) -> bool:
    """Whether what a helper says is part of the config of the node that it helps."""
    for node_id, entries in document.helpers.items():
        for kind, other in entries:
            if other.id == helper.id and kind in models.TAKEN:
                return kind != "ai_tool" or models.can_be_tool(helper)
            if other.id == helper.id and kind in ("ai_retriever", "ai_vectorStore"):
                return document.nodes[node_id].kind in ("chainRetrievalQa", "retrieverVectorStore", "toolVectorStore")
    return False


class _Import:
    """One workflow."""

    def __init__(self, document: N8nDocument) -> None:
        self.document = document
        self.loops = find_loops(document)
        self.nodes: dict[str, Config] = {}
        self.edges: list[Config] = []
        self._entry_of: dict[str, str] = {}
        self._schemas: set[str] = set()
        self._values: dict[str, tuple[list[Shape], bool]] = {}
        self._being_found: set[str] = set()

    def definition(self) -> Config:
        """The whole definition."""
        for node in self.document.nodes.values():
            if node.id in self.document.helping and not self.document.entering(node.id):
                self._report_helper(node)
            else:
                self._node(node)
        for loop_id in self.loops.bodies:
            self._loop(loop_id)
        for link in self.document.links:
            self._edge(link)
        for source, loop_id in self.loops.of_source.items():
            self._add_edge(source, f"{loop_id}_items")
            self._add_edge(f"{loop_id}_items", loop_id)
        self._bound_cycles()
        result: Config = {"name": self.document.name, "nodes": self.nodes, "edges": self.edges}
        entry = self._entry()
        return result if entry is None else {**result, "entryPoint": entry}

    # -- nodes -----------------------------------------------------------------------------------------------------

    def _node(self, node: N8nNode) -> None:
        texts = Texts(node, self._here(node), lambda name: self._named(name, node))
        written = self._written(node, texts)
        helper = texts.helper()
        self._entry_of[node.id] = node.id
        if helper is not None:
            node.changed("", "Expressions beyond paths are evaluated by a code node before it.")
            self._place(
                texts.helper_id, {"type": "code", "name": f"Expressions of {node.name}", "config": helper}, node.id
            )
            self._add_edge(texts.helper_id, node.id)
            self._entry_of[node.id] = texts.helper_id
        self._place(node.id, {**written, "name": node.name, **self._policies(node), **_position(node)}, node.id)

    def _written(self, node: N8nNode, texts: Texts) -> Config:
        if node.kind == BATCHES:
            collection = f"{node.id}_items"
            self._entry_of[node.id] = collection
            return {"type": "loop", "config": _each(collection)}
        if node.raw.get("disabled") is True and node.kind != "stickyNote":
            node.changed("", "It is disabled, and hands on what comes in.")
            return {"type": "transform", "config": {"operation": "passthrough", "inputData": filled(self._here(node))}}
        typed = typed_config(Source(node, texts, self.document, self._lists(node)))
        if typed is None:
            node.unsupported(
                "", f"n8n's node type {node.kind!r} has no counterpart.",
                "The node fails when it is reached, unless a node type of this name is installed.",
            )  # fmt: skip
            return {"type": node.type, "config": texts.value(node.params)}
        if typed[0] in ("llm", "agent") and "outputSchema" in typed[1]:
            self._schemas.add(node.id)
        return {"type": typed[0], "config": typed[1]}

    def _policies(self, node: N8nNode) -> Config:
        policies: Config = {}
        if node.raw.get("retryOnFail"):
            tries, wait = node.raw.get("maxTries", 3), node.raw.get("waitBetweenTries", 1000)
            policies["retry"] = {"maxAttempts": max(int(tries), 2), "initialDelayMs": int(wait), "factor": 1.0}
        handling = node.raw.get("onError")
        if handling == "continueErrorOutput":
            policies["errorPort"] = True
        elif handling == "continueRegularOutput" or node.raw.get("continueOnFail") is True:
            policies["onError"] = {"strategy": "continue"}
        return policies

    def _report_helper(self, node: N8nNode) -> None:
        if not is_taken_over(self.document, node):
            node.unsupported("", f"What {node.kind!r} says of the node that it helps is not taken over.")

    def _place(self, node_id: str, written: Config, beside: str) -> None:
        """Put a node where ``beside`` lies."""
        around = self.loops.parent.get(beside)
        self.nodes[node_id] = written if around is None else {**written, "parentId": around}

    # -- loops -----------------------------------------------------------------------------------------------------

    def _loop(self, loop_id: str) -> None:
        """The list, the loop over it, and the node that names what a round gives."""
        source = next((source for source, loop in self.loops.of_source.items() if loop == loop_id), None)
        node = self.document.nodes[source or loop_id]
        value = filled(self._value(node.id)[0]) if source else filled(self._here(node))
        config = {"language": "javascript", "code": _AS_LIST, "outputKey": "", "inputVariables": {"value": value}}
        self._place(f"{loop_id}_items", {"type": "code", "name": f"Items of {node.name}", "config": config}, node.id)
        if source:
            self._place(
                loop_id, {"type": "loop", "name": f"Each of {node.name}", "config": _each(f"{loop_id}_items")}, node.id
            )
        else:
            self._add_edge(f"{loop_id}_items", loop_id)
        self._round(loop_id, is_region=source is not None)

    def _round(self, loop_id: str, *, is_region: bool) -> None:
        body = self.loops.bodies[loop_id]
        own = [member for member in body if self.loops.parent.get(member) == loop_id]
        ends = [link for link in self.document.links if link.source in own and link.target == loop_id]
        if is_region:
            inner = {link.source for link in self.document.links if link.target in body}
            ends = [Link(member, 0, "", 0) for member in sorted(own) if member not in inner]
        if not ends:
            return
        shapes = [shape for link in ends for shape in self._value(link.source)[0]]
        result = {"operation": "template", "template": filled(list(_distinct(shapes)))}
        self.nodes[f"{loop_id}_result"] = {
            "type": "transform",
            "name": "Result of a round",
            "config": result,
            "parentId": loop_id,
        }
        for link in ends:
            self._add_edge(link.source, f"{loop_id}_result", self._handle(link))

    # -- values ----------------------------------------------------------------------------------------------------

    def _here(self, node: N8nNode) -> list[Shape]:
        """The item that comes in."""
        entering = [link for link in self.document.entering(node.id) if not self._is_back(link)]
        if not entering:
            return ["inputs"]
        first = [link for link in entering if link.input == entering[0].input]
        return list(_distinct([shape for link in first for shape in self._seen(node.id, link.source)]))

    def _lists(self, node: N8nNode) -> list[str]:
        """All items that come in, for each input."""
        by_input: dict[int, list[Shape]] = {}
        for link in self.document.entering(node.id):
            if not self._is_back(link):
                by_input.setdefault(link.input, []).extend(self._seen(node.id, link.source, whole=True))
        return [filled(list(_distinct(shapes))) for _, shapes in sorted(by_input.items())]

    def _named(self, name: str, reader: N8nNode) -> list[Shape] | None:
        found = self.document.by_name.get(name)
        return None if found is None else self._seen(reader.id, found.id)

    def _seen(self, reader: str, source: str, *, whole: bool = False) -> list[Shape]:
        """What ``reader`` reads of ``source``: the item of a round, the results of a loop, the first item, the item."""
        around = self.loops.chain(reader)
        loop = source if source in self.loops.bodies else self.loops.of_source.get(source)
        if loop in around:
            return [f"{loop}.item"]
        left = [outer for outer in self.loops.chain(source) if outer not in around]
        if left:
            results = left[-1]
            return [results if whole else f"{results}[0]"]
        shapes, is_list = self._value(source)
        wants = whole or is_list_reader(self.document.nodes[reader])
        return (
            shapes if not is_list or wants else [f"{shape}[0]" if isinstance(shape, str) else shape for shape in shapes]
        )

    def _value(self, node_id: str) -> tuple[list[Shape], bool]:
        """What a node gives, and whether that is a list."""
        if node_id not in self._values:
            node = self.document.nodes[node_id]
            if node_id in self._being_found:
                return [node_id], False
            self._being_found.add(node_id)
            if node.kind == BATCHES:
                found: tuple[list[Shape], bool] = [node_id], True
            elif node.kind in _PASSING and self.document.entering(node_id):
                found = self._here(node), False
            else:
                found = [self._shape(node)], gives_list(node)
            self._being_found.discard(node_id)
            self._values[node_id] = found
        return self._values[node_id]

    def _shape(self, node: N8nNode) -> Shape:
        name = node.id
        answer = f"{name}.data" if self._answers_by_schema(node) else f"{name}.text"
        match node.kind:
            case "webhook":
                return {"body": name, "query": name, "params": name, "headers": f"{name}.headers", "": name}
            case "chainLlm":
                return {"text": answer, "output": answer, "response": {"text": answer, "": answer}, "": name}
            case "agent" | "informationExtractor" | "openAiAssistant":
                return {"output": answer, "text": answer, "": name}
            case "chainSummarization" | "chainRetrievalQa":
                return {"response": {"text": answer, "": answer}, "output": answer, "text": answer, "": name}
            case "openAi":
                message = {"content": answer, "tool_calls": f"{name}.toolCalls", "": name}
                return {
                    "message": message,
                    "text": f"{name}.text",
                    "content": answer,
                    "choices": f"{name}.choices",
                    "": name,
                }
            case "httpRequest" | "graphql":
                return (
                    {"body": f"{name}.data", "statusCode": f"{name}.status", "headers": f"{name}.headers", "": name}
                    if (_full_response(node))
                    else f"{name}.data"
                )
        if is_trigger(node) or not node.type.startswith("n8n-nodes-base."):
            return name
        typed = typed_config(
            Source(_silent(node), Texts(_silent(node), ["inputs"], lambda _: ["inputs"]), self.document, [])
        )
        return f"{name}.data" if typed is not None and typed[0] == "integration" else name

    def _answers_by_schema(self, node: N8nNode) -> bool:
        parsers = self.document.helped_by(node.id, "ai_outputParser")
        return node.kind == "informationExtractor" or bool(parsers) or node.params.get("jsonOutput") is True

    # -- edges -----------------------------------------------------------------------------------------------------

    def _is_back(self, link: Link) -> bool:
        return link.target in self.loops.bodies and link.source in self.loops.bodies[link.target]

    def _edge(self, link: Link) -> None:
        if (
            link.source == link.target
            or self._is_back(link)
            or link.source not in self.nodes
            or link.target not in self.nodes
        ):
            return
        target = f"{link.target}_items" if link.target in self.loops.bodies else self._entry_of[link.target]
        around = self.loops.chain(link.target)
        of_source = self.loops.of_source.get(link.source)
        if of_source in around:
            self._add_edge(str(of_source), target, "loop-body")
            return
        left = [outer for outer in self.loops.chain(link.source) if outer not in around]
        if left:
            self._add_edge(left[-1], target, "loop-exit")
            return
        self._add_edge(link.source, target, self._handle(link))

    def _handle(self, link: Link) -> str | None:
        node = self.document.nodes[link.source]
        if node.raw.get("disabled") is True:
            return None
        match node.kind:
            case "if" | "filter":
                return "true" if link.output == 0 else "false"
            case "switch":
                texts = Texts(_silent(node), ["inputs"], lambda _: ["inputs"])
                return switch_rules(_silent(node), texts)[1].get(link.output, f"output{link.output}")
            case "splitInBatches":
                return "loop-exit" if link.output == done_output(node) else "loop-body"
            case "textClassifier" | "sentimentAnalysis":
                routes = self.nodes[node.id]["config"]["routes"]
                return str(routes[link.output]["value"]) if link.output < len(routes) else None
        return "error" if link.output > 0 and node.raw.get("onError") == "continueErrorOutput" else None

    def _add_edge(self, source: str, target: str, handle: str | None = None) -> None:
        edge: Config = {"source": source, "target": target}
        if handle is not None:
            edge["sourceHandle"] = handle
        if edge not in self.edges:
            self.edges.append(edge)

    def _bound_cycles(self) -> None:
        """An edge that closes a cycle becomes a ``goto``, which makes a bounded loop of it."""
        closing = _closing(self.edges)
        for number, edge in enumerate(closing):
            again = f"{edge['target']}_again{number or ''}"
            self._place(
                again, {"type": "transform", "name": "Again", "config": {"operation": "passthrough"}}, edge["target"]
            )
            head = str(edge["target"])
            edge["target"] = again
            self._add_edge(again, head, "goto")

    def _entry(self) -> str | None:
        """The first trigger that leads on."""
        nodes = [node for node in self.document.nodes.values() if node.id in self.nodes and node.kind != "stickyNote"]
        leading = [node for node in nodes if self.document.leaving(node.id)]
        triggers = [node for node in leading if is_trigger(node)]
        roots = [node for node in leading if not self.document.entering(node.id)]
        chosen = next(iter([*triggers, *roots, *leading, *nodes]), None)
        return None if chosen is None else self._entry_of[chosen.id]


def _each(collection: str) -> Config:
    return {"loopType": "forEach", "collection": "{{" + collection + "}}", "maxConcurrency": 1}


_NONE: Config = {}


def _closing(edges: list[Config]) -> list[Config]:
    """The edges that lead back, in a walk from the roots in the order of the edges."""
    leaving: dict[str, list[Config]] = {}
    for edge in edges:
        leaving.setdefault(edge["source"], []).append(edge)
    targets = {edge["target"] for edge in edges}
    done: set[str] = set()
    found: list[Config] = []
    for root in [*(node for node in leaving if node not in targets), *leaving]:
        if root in done:
            continue
        path, waiting = {root}, [(root, iter(leaving.get(root, [])))]
        while waiting:
            node, rest = waiting[-1]
            edge = next(rest, _NONE)
            if edge is _NONE:
                waiting.pop()
                path.discard(node)
                done.add(node)
            elif edge["target"] in path:
                found.append(edge)
            elif edge["target"] not in done:
                path.add(edge["target"])
                waiting.append((edge["target"], iter(leaving.get(edge["target"], []))))
    return found


def _distinct(shapes: list[Shape]) -> list[Shape]:
    found: list[Shape] = []
    for shape in shapes:
        if shape not in found:
            found.append(shape)
    return found


def _silent(node: N8nNode) -> N8nNode:
    """The same node, reporting to nobody: for questions about it."""
    return N8nNode(node.id, node.name, node.type, node.version, node.params, node.where, node.raw, Diagnostics())


def _full_response(node: N8nNode) -> bool:
    response = as_object(as_object(node.options.get("response")).get("response"))
    return response.get("fullResponse") is True or node.options.get("fullResponse") is True


def _position(node: N8nNode) -> Config:
    position = node.raw.get("position")
    if not isinstance(position, list) or len(position) != 2:
        return {}
    return {"position": {"x": position[0], "y": position[1]}}
