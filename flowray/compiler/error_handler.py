"""The execution's error handler (``settings.errorHandler``): a path of its own, which only a failure enters (R20)."""

from __future__ import annotations

from flowray.compiler.graph import Graph
from flowray.compiler.paths import Paths, feeders, reach
from flowray.definition.diagnostics import DiagnosticCode, Diagnostics
from flowray.definition.workflow import WorkflowDefinition


def check_error_handler(graph: Graph, definition: WorkflowDefinition, paths: Paths, diagnostics: Diagnostics) -> None:
    """Report a handler that does not exist, or whose path is also one of the workflow's own."""
    handler = definition.settings.error_handler
    if handler is None:
        return
    problem = _problem(graph, handler, paths)
    if problem is not None:
        diagnostics.error(
            DiagnosticCode.INVALID_ERROR_HANDLER,
            f"{handler!r} cannot be the error handler: {problem}.",
            node_id=handler,
            pointer="/settings/errorHandler",
            hint="Name the first node of a path of its own, to which no edge leads from the rest of the workflow.",
        )


def _problem(graph: Graph, handler: str, paths: Paths) -> str | None:
    if handler not in graph.nodes:
        return "it is not a node of this workflow"
    if feeders(graph, handler) or graph.nodes[handler].parent_id is not None:
        return "it is part of the workflow's own path"
    shared = reach([handler], graph) & reach(paths.starts, graph)
    first = next((node_id for node_id in graph.nodes if node_id in shared), None)
    return None if first is None else f"{first!r} is also reached without an error"
