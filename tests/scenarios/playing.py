"""What the scenarios are played with: scripted nodes, and one call that compiles, runs and shows what happened."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowray.compiler.builder import CompileResult, build_plan
from flowray.definition.loading import load_definition
from flowray.definition.node_type import NodeType
from flowray.errors import ErrorCode
from flowray.eventlog.log import RecordedEvent
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.registry import NodeRegistry, default_registry
from flowray.handlers.services import ChatChunk, HttpRequest, HttpResponse
from flowray.persistence.payloads.store import PayloadStore
from flowray.persistence.records import ExecutionRecord
from flowray.plan import ExecutionPlan
from flowray.values import StoredValue, as_value, decode_json, encode_json
from tests.fakes.services import ScriptedChat, ScriptedHttp
from tests.runtime.test_local import bench
from tests.runtime.workflows import compiled, definition

Act = Any
"""What a scripted node does: a value to return, a NodeResult, or a function of its NodeInput that gives either."""

STEP = {"type": "step"}


class Actor:
    """The node types ``names``, each node doing what ``acts`` says for its id; else it returns ``{"from": id}``."""

    def __init__(self, acts: Mapping[str, Act], names: Sequence[str] = ("step",)) -> None:
        self.acts = acts
        self.node_type = NodeType(name=names[0], summary="Does what a test says.", aliases=tuple(names[1:]))

    def can_handle(self, type_name: str) -> bool:
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        act = self.acts.get(node.node_id, {"from": node.node_id})
        result = act(node) if callable(act) else act
        if inspect.isawaitable(result):
            result = await result
        return result if isinstance(result, NodeResult) else NodeResult(data=result)


def fails(message: str = "boom", code: ErrorCode = ErrorCode.NODE_FAILED, **more: Any) -> NodeResult:
    """A scripted failure."""
    return NodeResult.failure(code, message, **more)


@dataclass(frozen=True)
class Played:
    """One ended execution: its row, its log, and the statuses of its attempts by ``instance#attempt``."""

    row: ExecutionRecord
    log: list[RecordedEvent]
    attempts: dict[str, str]
    payloads: PayloadStore

    @property
    def outputs(self) -> Any:
        return self.whole(self.row.outputs)

    @property
    def error(self) -> dict[str, Any]:
        assert self.row.error is not None
        return self.row.error

    def ended(self, ending: str) -> list[str]:
        """Instances that ended so (completed, failed, skipped, cancelled), in order."""
        return [event.body["instance"] for event in self.log if event.type == f"node.{ending}"]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of all events of a type."""
        return [event.body for event in self.log if event.type == kind]

    def output_of(self, instance: str) -> Any:
        """What an instance completed with."""
        bodies = [body for body in self.of_type("node.completed") if body["instance"] == instance]
        assert len(bodies) == 1, f"{instance} completed {len(bodies)} times"
        return self.whole(bodies[0].get("output"))

    def whole(self, value: Any) -> Any:
        """A value with what is stored by reference loaded."""
        stored = as_value(value)
        if isinstance(stored, StoredValue):
            return decode_json(self.payloads.get(stored.payload_id))
        return {key: self.whole(item) for key, item in value.items()} if isinstance(value, dict) else value


def registry_with(acts: Mapping[str, Act] | None = None, names: Sequence[str] = ("step",)) -> NodeRegistry:
    """The built-in types and scripted ones."""
    registry = default_registry(plugins=False)
    registry.register(Actor(acts or {}, names))
    return registry


def compile_result(nodes: dict[str, Any], *edges: str, **more: Any) -> CompileResult:
    """What the compiler says about a definition, wrong ones included."""
    loaded = load_definition(definition(nodes, *edges, **more))
    if loaded.definition is None:
        return CompileResult(None, loaded.diagnostics)
    return build_plan(loaded.definition, registry_with().node_types())


def codes(result: CompileResult) -> dict[str, list[str | None]]:
    """Node ids by the code of their diagnostics."""
    found: dict[str, list[str | None]] = {}
    for item in result.diagnostics:
        found.setdefault(item.code.value, []).append(item.node_id)
    return found


async def play(
    nodes: dict[str, Any],
    *edges: str,
    acts: Mapping[str, Act] | None = None,
    inputs: Mapping[str, Any] | None = None,
    services: Mapping[str, Any] | None = None,
    names: Sequence[str] = ("step",),
    **more: Any,
) -> Played:
    """Compile a definition (``more`` are its further fields), run it to its end, and tell what happened."""
    registry = registry_with(acts, names)
    return await play_plan(compiled(nodes, *edges, registry=registry, **more), registry, inputs, services)


async def play_plan(
    plan: ExecutionPlan,
    registry: NodeRegistry,
    inputs: Mapping[str, Any] | None = None,
    services: Mapping[str, Any] | None = None,
) -> Played:
    """Run a plan to its end."""
    async with bench(registry, **(services or {})) as desk:
        (execution_id,) = await desk.start(plan, **(inputs or {}))
        log = await desk.events(execution_id)
        return Played(desk.row(execution_id), log, desk.statuses(execution_id), desk.store.payloads)


# -- nodes of real types -----------------------------------------------------------------------------------------------


def source(name: str | None = None, **config: Any) -> dict[str, Any]:
    """An input node."""
    return {"type": "input", "config": config | ({"inputName": name} if name else {})}


def output(value: Any, name: str = "result", **config: Any) -> dict[str, Any]:
    """An output node."""
    return {"type": "output", "config": {"outputName": name, "value": value, **config}}


def template(text: str, **config: Any) -> dict[str, Any]:
    """A node that makes text, or the value of a whole reference."""
    return {"type": "transform", "config": {"operation": "template", "template": text, **config}}


def jsonata(expression: str, **config: Any) -> dict[str, Any]:
    """A node that evaluates JSONata."""
    return {"type": "transform", "config": {"operation": "custom", "expression": expression, **config}}


def condition(expression: str) -> dict[str, Any]:
    """A conditional in expression mode."""
    return {"type": "conditional", "config": {"expression": expression}}


def loop(**config: Any) -> dict[str, Any]:
    """A loop."""
    return {"type": "loop", "config": config}


def variable(name: str, value: Any = None, operation: str = "set", **config: Any) -> dict[str, Any]:
    """A node that changes a variable."""
    return {"type": "variable", "config": {"operation": operation, "variableName": name, "value": value, **config}}


def http(url: str = "http://h/", **config: Any) -> dict[str, Any]:
    """An HTTP request."""
    return {"type": "http", "config": {"url": url, "method": "GET", **config}}


def web(answer: Callable[[HttpRequest], tuple[int, Any]]) -> ScriptedHttp:
    """An HTTP service that answers with JSON, or with the given bytes."""

    def respond(request: HttpRequest) -> HttpResponse:
        status, body = answer(request)
        raw = body if isinstance(body, bytes) else encode_json(body)
        kind = "text/plain" if isinstance(body, bytes) else "application/json"
        return HttpResponse(status, "Reason", {"content-type": kind}, raw, request.url, 1)

    return ScriptedHttp(respond)


def model(*texts: str) -> ScriptedChat:
    """A language model that says this."""
    return ScriptedChat([*(ChatChunk(text) for text in texts), ChatChunk(finish_reason="stop")])
