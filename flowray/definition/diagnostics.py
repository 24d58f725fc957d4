"""What is wrong or worth knowing about a definition: every finding at once, with code, node, JSON pointer and hint.

Shared by loading, dialects and the compiler. Collects; decides nothing beyond "is there an error".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """``error`` refuses the definition; ``warning`` and ``info`` do not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class DiagnosticCode(StrEnum):
    """Stable names of findings. Part of the public contract: messages may change, codes never change meaning."""

    # Reading the text.
    MALFORMED_DOCUMENT = "MALFORMED_DOCUMENT"
    DOCUMENT_TOO_LARGE = "DOCUMENT_TOO_LARGE"
    DOCUMENT_TOO_DEEP = "DOCUMENT_TOO_DEEP"
    DUPLICATE_KEY = "DUPLICATE_KEY"

    # Shape and dialect.
    INVALID_FIELD = "INVALID_FIELD"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    UNSUPPORTED_SCHEMA_VERSION = "UNSUPPORTED_SCHEMA_VERSION"
    DIALECT_CHANGED = "DIALECT_CHANGED"
    DIALECT_INFERRED = "DIALECT_INFERRED"
    DIALECT_UNSUPPORTED = "DIALECT_UNSUPPORTED"

    # Graph.
    NO_NODES = "NO_NODES"
    TOO_MANY_NODES = "TOO_MANY_NODES"
    DUPLICATE_NODE_ID = "DUPLICATE_NODE_ID"
    DUPLICATE_EDGE_ID = "DUPLICATE_EDGE_ID"
    UNKNOWN_EDGE_SOURCE = "UNKNOWN_EDGE_SOURCE"
    UNKNOWN_EDGE_TARGET = "UNKNOWN_EDGE_TARGET"
    UNKNOWN_ENTRY_POINT = "UNKNOWN_ENTRY_POINT"
    MISSING_TRIGGER = "MISSING_TRIGGER"
    UNREACHABLE_NODE = "UNREACHABLE_NODE"
    CYCLE = "CYCLE"

    # Loops and parallels.
    INVALID_PARENT = "INVALID_PARENT"
    EMPTY_BODY = "EMPTY_BODY"
    BODY_OVERLAP = "BODY_OVERLAP"
    BODY_INFERRED = "BODY_INFERRED"
    TOO_MANY_CONTAINERS = "TOO_MANY_CONTAINERS"
    SCOPE_CROSSED = "SCOPE_CROSSED"
    IMPLICIT_LOOP = "IMPLICIT_LOOP"
    LEAVE_OUTSIDE_LOOP = "LEAVE_OUTSIDE_LOOP"

    # Nodes and edges.
    UNKNOWN_NODE_TYPE = "UNKNOWN_NODE_TYPE"
    INVALID_CONFIG = "INVALID_CONFIG"
    UNKNOWN_HANDLE = "UNKNOWN_HANDLE"
    ERROR_PORT_DISABLED = "ERROR_PORT_DISABLED"
    INVALID_GOTO = "INVALID_GOTO"
    INVALID_ERROR_HANDLER = "INVALID_ERROR_HANDLER"
    JOIN_OF_TWO_BRANCHES = "JOIN_OF_TWO_BRANCHES"

    # References.
    EXPRESSION_SYNTAX = "EXPRESSION_SYNTAX"
    REFERENCE_NOT_UPSTREAM = "REFERENCE_NOT_UPSTREAM"
    REFERENCE_CIRCULAR = "REFERENCE_CIRCULAR"
    REFERENCE_UNREACHABLE = "REFERENCE_UNREACHABLE"
    UNKNOWN_REFERENCE = "UNKNOWN_REFERENCE"
    DUPLICATE_OUTPUT = "DUPLICATE_OUTPUT"
    INVALID_INPUT_SCHEMA = "INVALID_INPUT_SCHEMA"


@dataclass(frozen=True)
class Diagnostic:
    """One finding. ``pointer`` is an RFC 6901 JSON pointer into the definition, empty for the whole of it."""

    code: DiagnosticCode
    severity: Severity
    message: str
    node_id: str | None = None
    pointer: str = ""
    hint: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The form in which the API, the command line and errors show it."""
        return {
            "code": self.code.value,
            "severity": self.severity.value,
            "node_id": self.node_id,
            "pointer": self.pointer,
            "message": self.message,
            "hint": self.hint,
        }


@dataclass
class Diagnostics:
    """Findings in the order in which they were made, which depends on nothing but the definition."""

    items: list[Diagnostic] = field(default_factory=list)

    def error(self, code: DiagnosticCode, message: str, **where: str | None) -> None:
        """Record what refuses the definition. ``where``: node_id, pointer, hint."""
        self._add(code, Severity.ERROR, message, where)

    def warning(self, code: DiagnosticCode, message: str, **where: str | None) -> None:
        """Record what will probably not do what the author expects."""
        self._add(code, Severity.WARNING, message, where)

    def info(self, code: DiagnosticCode, message: str, **where: str | None) -> None:
        """Record what was decided on the author's behalf."""
        self._add(code, Severity.INFO, message, where)

    def add(self, severity: Severity, code: DiagnosticCode, message: str, **where: str | None) -> None:
        """Record with a severity that the caller's mode decides."""
        self._add(code, severity, message, where)

    def extend(self, others: Iterable[Diagnostic]) -> None:
        """Append what another stage found."""
        self.items.extend(others)

    @property
    def has_errors(self) -> bool:
        """True if the definition must be refused."""
        return any(item.severity is Severity.ERROR for item in self.items)

    def errors(self) -> list[Diagnostic]:
        """Only what refuses the definition."""
        return [item for item in self.items if item.severity is Severity.ERROR]

    def as_json(self) -> list[dict[str, Any]]:
        """All findings, errors first, otherwise as found."""
        rank = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
        return [item.as_json() for item in sorted(self.items, key=lambda item: rank[item.severity])]

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def _add(self, code: DiagnosticCode, severity: Severity, message: str, where: dict[str, str | None]) -> None:
        self.items.append(
            Diagnostic(code, severity, message, where.get("node_id"), where.get("pointer") or "", where.get("hint"))
        )


def pointer(*parts: str | int) -> str:
    """The JSON pointer to a path of keys and indices (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
