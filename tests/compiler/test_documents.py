"""Documents of any format become plans that can run, or one error with everything that was found."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.compiler.documents import compile_document
from flowray.definition.diagnostics import Diagnostic, DiagnosticCode, Severity
from flowray.errors import DefinitionError
from flowray.handlers.registry import default_registry

NODE_TYPES = default_registry(plugins=False).node_types()

DOCUMENT: dict[str, Any] = {
    "name": "two ways in",
    "entryPoint": "asked",
    "nodes": {
        "asked": {"type": "input", "config": {"inputName": "word"}},
        "called": {"type": "trigger", "config": {"triggerType": "manual"}},
        "out": {"type": "output", "config": {"outputName": "y", "value": 1}},
    },
    "edges": [{"source": "asked", "target": "out"}, {"source": "called", "target": "out"}],
}


def noticed(severity: Severity) -> Diagnostic:
    return Diagnostic(DiagnosticCode.MALFORMED_DOCUMENT, severity, "seen while reading", None, "/a", None)


def test_a_document_becomes_a_plan_with_what_it_demands() -> None:
    compiled = compile_document(DOCUMENT, NODE_TYPES)
    assert compiled.name == "two ways in"
    assert [entry.name for entry in compiled.contract.declared] == ["word"]
    assert compiled.plan.trigger == "asked"
    assert compiled.plan.output_nodes == ("out",)


def test_a_trigger_is_where_it_begins() -> None:
    plan = compile_document(DOCUMENT, NODE_TYPES, trigger="called").plan
    assert (plan.trigger, "called" in plan.start_nodes) == ("called", True)


def test_what_reading_found_comes_first_and_an_error_among_it_refuses() -> None:
    warning, error = noticed(Severity.WARNING), noticed(Severity.ERROR)
    assert compile_document(DOCUMENT, NODE_TYPES, found=[warning]).diagnostics[0] == warning
    with pytest.raises(DefinitionError) as refused:
        compile_document(DOCUMENT, NODE_TYPES, found=[warning, error])
    messages = [item["message"] for item in refused.value.details["diagnostics"]]
    assert messages.count("seen while reading") == 2


def test_every_stage_is_heard() -> None:
    with pytest.raises(DefinitionError) as refused:
        compile_document({**DOCUMENT, "edges": [{"source": "asked", "target": "nowhere"}]}, NODE_TYPES)
    assert any("nowhere" in item["message"] for item in refused.value.details["diagnostics"])
