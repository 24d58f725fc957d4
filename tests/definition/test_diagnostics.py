"""Findings."""

from __future__ import annotations

from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, Severity, pointer


def test_pointers_escape_as_rfc_6901_says() -> None:
    assert pointer("nodes", "a/b~c", 0) == "/nodes/a~1b~0c/0"
    assert pointer() == ""


def test_errors_come_first_and_the_rest_as_found() -> None:
    found = Diagnostics()
    found.info(DiagnosticCode.DIALECT_CHANGED, "one")
    found.warning(DiagnosticCode.UNREACHABLE_NODE, "two", node_id="b", pointer="/nodes/b", hint="connect it")
    assert not found.has_errors
    found.error(DiagnosticCode.CYCLE, "three")
    found.add(Severity.ERROR, DiagnosticCode.NO_NODES, "four")
    assert found.has_errors
    assert [item["message"] for item in found.as_json()] == ["three", "four", "two", "one"]
    assert found.as_json()[2] == {
        "code": "UNREACHABLE_NODE", "severity": "warning", "node_id": "b", "pointer": "/nodes/b",
        "message": "two", "hint": "connect it",
    }  # fmt: skip
    assert [item.message for item in found.errors()] == ["three", "four"]
    assert len(found) == 4
