"""The handles that edges leave from: the many spellings of authors → one name, and their classes for display."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowray.definition.node_type import NodeType, Role

SOURCE = "source"
ERROR = "error"
GOTO = "goto"
BODY = "loop-body"
EXIT = "loop-exit"
DEFAULT = "default"

_SUCCESS_SPELLINGS = frozenset({"", "source", "output", "out", "success"})
_ERROR_SPELLINGS = frozenset({"error", "output-error", "on-error", "onerror"})
_BODY_SPELLINGS = frozenset({
    "loop-body", "body", "output-body", "loop_body", "loop-start-source", "loop",
    "parallel-body", "parallel-start-source", "branch",
})  # fmt: skip
_EXIT_SPELLINGS = frozenset({
    "loop-exit", "exit", "output-exit", "loop_exit", "loop-end-source", "done",
    "parallel-exit", "parallel-end-source",
})  # fmt: skip
_CASE_PREFIXES = ("case-", "case_", "output-", "route-", "condition-")


def resolve_handle(label: str | None, kind: NodeType, config: Mapping[str, Any]) -> tuple[str, str | None]:
    """``(handle, problem)`` of an edge whose author wrote ``label`` on a node of ``kind``.

    What a branch can select is matched first and exactly, so that a route may be called ``output``. ``problem`` says
    why the handle can never be selected, or is None.
    """
    text = (label or "").strip()
    if kind.role is Role.BRANCH:
        return _branch_handle(text, kind, config)
    lowered = text.lower()
    if kind.role in (Role.LOOP, Role.PARALLEL):
        if lowered in _BODY_SPELLINGS:
            return BODY, None
        if lowered in _EXIT_SPELLINGS:
            return EXIT, None
    if lowered in _SUCCESS_SPELLINGS or lowered == DEFAULT:
        return SOURCE, None
    if lowered in _ERROR_SPELLINGS:
        return ERROR, None
    return text, f"a {kind.name} node has no handles of its own beside 'error'"


def _branch_handle(text: str, kind: NodeType, config: Mapping[str, Any]) -> tuple[str, str | None]:
    known = list(kind.handles) if kind.handles is not None and not _rules(config) else selectable(config)
    if text in known:
        return text, None
    lowered = text.lower()
    if lowered in _SUCCESS_SPELLINGS:
        return SOURCE, None
    if lowered in _ERROR_SPELLINGS:
        return ERROR, None
    bare = _without_prefix(text)
    found = _by_spelling(lowered, bare, known, config)
    if found is not None:
        return found, None
    if lowered in (DEFAULT, "else"):
        return DEFAULT, None
    if known:
        return bare if kind.handles is not None else text, f"it selects {', '.join(map(repr, known[:8]))}"
    return text, None


def _by_spelling(lowered: str, bare: str, known: list[str], config: Mapping[str, Any]) -> str | None:
    """The selectable handle that is meant, by name without regard to case, then by its label, then by its position.

    ``case_1`` is written by a layout that numbers the cases, so there the position comes first.
    """
    by_name = {handle.lower(): handle for handle in reversed(known)}
    numbered = bare.isdigit() and bare.lower() != lowered and int(bare) < len(known)
    if numbered and lowered == f"case_{bare}":
        return known[int(bare)]
    for spelling in (lowered, bare.lower()):
        if spelling in by_name:
            return by_name[spelling]
    labels = _labels(config)
    for spelling in (lowered, bare.lower()):
        if spelling in labels:
            return labels[spelling]
    return known[int(bare)] if numbered else None


def selectable(config: Mapping[str, Any]) -> list[str]:
    """The handles that a branch's config names, in order: cases, routes or named conditions, then its default."""
    found: list[str] = []
    for key in ("cases", "routes", "conditions"):
        entries = config.get(key)
        for entry in entries if isinstance(entries, list) else ():
            name = entry if isinstance(entry, str) else _entry_name(entry)
            if name is not None and name not in found:
                found.append(name)
    for key in ("defaultCase", "defaultRoute", "defaultOutput"):
        name = config.get(key)
        if isinstance(name, str) and name and name not in found:
            found.append(name)
    return found


def handle_type(handle: str, role: Role, kind: str = "flow") -> str:
    """The class of an edge's handle as the API shows it.

    One of default, true, false, error, goto, loop-body, loop-exit, ``case-…`` (what else a branch may select), exit
    and ordering (edges across a loop's border, R4), or the handle itself.
    """
    if kind != "flow":
        return kind
    if handle == SOURCE:
        return "loop-exit" if role in (Role.LOOP, Role.PARALLEL) else "default"
    if handle in (ERROR, GOTO, BODY, EXIT, DEFAULT, "true", "false"):
        return handle
    return f"case-{handle}" if role is Role.BRANCH else handle


def _labels(config: Mapping[str, Any]) -> dict[str, str]:
    """Lower-case labels of cases and routes → what selects them; the first of two equal labels counts."""
    found: dict[str, str] = {}
    for key in ("cases", "routes"):
        entries = config.get(key)
        for entry in entries if isinstance(entries, list) else ():
            name, label = _entry_name(entry), entry.get("label") if isinstance(entry, dict) else None
            if name is not None and isinstance(label, str) and label.strip():
                found.setdefault(label.strip().lower(), name)
    return found


def _rules(config: Mapping[str, Any]) -> bool:
    return isinstance(config.get("conditions"), list)


def _entry_name(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return None
    for key in ("value", "name", "id", "label"):
        value = entry.get(key)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str | int | float) and value != "":
            return str(value)
    return None


def _without_prefix(text: str) -> str:
    lowered = text.lower()
    return next((text[len(prefix) :] for prefix in _CASE_PREFIXES if lowered.startswith(prefix)), text)
