"""The workflow that waits for a person is one that can be run."""

from __future__ import annotations

from benchmarks.people import DAY_MS, asks_a_person
from flowray.compiler.documents import compile_document
from flowray.handlers.registry import default_registry


def test_it_compiles_and_waits_for_a_day() -> None:
    compiled = compile_document(asks_a_person(), default_registry(plugins=False).node_types())
    assert compiled.plan is not None
    assert [finding for finding in compiled.diagnostics if finding.severity != "info"] == []
    assert compiled.plan.nodes["ask"].config["timeoutMs"] == DAY_MS
