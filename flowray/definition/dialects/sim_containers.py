"""SIM's loops and parallels → the configs of ``loop`` and ``parallel`` nodes. What lies in them is known already."""

from __future__ import annotations

import re
from typing import Any

from flowray.definition.diagnostics import DiagnosticCode, Diagnostics
from flowray.definition.dialects.sim_document import LOOP, BlockReport, SimBlock, SimDocument
from flowray.definition.dialects.sim_references import BlockTexts, References
from flowray.values import Json, decode_json

Config = dict[str, Any]

_WHOLE = re.compile(r"\{\{([^{}]+)\}\}")

DEFAULT_COUNT = 5
"""What SIM's editor writes for a new container."""

UNSET_ITERATIONS = 1_000
"""SIM's rounds of a loop whose number of iterations is blank. (It takes 0 for blank too; here 0 is none.)"""

MAX_BATCH = 20
"""SIM runs at most so many branches at once, and so many by default."""


def container_config(block: SimBlock, document: SimDocument, references: References, report: BlockReport) -> Config:
    """What to repeat over, and that each round gives the outputs of its whole body (``results: all``)."""
    if block.type == LOOP:
        config = _loop(block, document, references, report)
    else:
        config = _parallel(block, document, references, report)
    return {**config, "results": "all"}


def check_body(block: SimBlock, document: SimDocument, diagnostics: Diagnostics) -> None:
    """A container that is reached without anything enabled in it fails in SIM; here it is found before."""
    inside = any(other.enabled and other.parent == block.id for other in document.blocks.values())
    if block.enabled and not inside and any(edge.target == block.id for edge in document.edges):
        diagnostics.error(
            DiagnosticCode.EMPTY_BODY,
            f"The {block.type} {block.name!r} has no enabled block inside.",
            node_id=block.id,
            pointer=block.where,
            hint=f"Add or enable at least one block in the {block.type}, or remove it.",
        )


def _loop(block: SimBlock, document: SimDocument, references: References, report: BlockReport) -> Config:
    settings = block.settings
    kind = settings.get("loopType") or "for"
    conditions = references.within(block, report, [block.id, *document.chain(block.id)])
    if kind == "forEach":
        given = settings.get("collection", settings.get("forEachItems"))
        return {"loopType": "forEach", "collection": _collection(block, document, references, report, given)}
    written = settings.get("whileCondition" if kind == "while" else "doWhileCondition")
    if kind in ("while", "doWhile") and isinstance(written, str) and (written.strip() or kind == "while"):
        return {"loopType": kind, "condition": conditions.condition("condition", written)}
    count = settings.get("count", settings.get("iterations"))
    number = _count(count)
    if number is None:
        report.inferred("iterations", f"The loop names no number of iterations; as in SIM it has {UNSET_ITERATIONS}.")
    return {"loopType": "count", "count": UNSET_ITERATIONS if number is None else number}


def _parallel(block: SimBlock, document: SimDocument, references: References, report: BlockReport) -> Config:
    settings = block.settings
    given = settings.get("distribution", settings.get("collection"))
    batch = _count(settings.get("batchSize"))
    width = {"maxConcurrency": min(max(batch, 1), MAX_BATCH) if batch is not None else MAX_BATCH}
    kind = settings.get("parallelType") or ("collection" if given not in (None, "") else "count")
    if kind == "collection":
        return {"collection": _collection(block, document, references, report, given), **width}
    number = _count(settings.get("count"))
    return {"count": DEFAULT_COUNT if number is None else number, **width}


def _collection(
    block: SimBlock, document: SimDocument, references: References, report: BlockReport, given: Json
) -> Json:
    """A list, a reference (null counts as empty) or text as written. An object is a list of key and value."""
    if isinstance(given, str):
        given = _literal(given)
    if isinstance(given, dict):
        return [[key, value] for key, value in given.items()]
    if not isinstance(given, str):
        return given if given is not None else ""
    texts: BlockTexts = references.within(block, report)
    texts.names_rounds = True
    written = texts.field("collection", given.strip())
    whole = (
        isinstance(written, str) and written.startswith("{{") and written.endswith("}}") and written.count("{{") == 1
    )
    return f"{written[:-2]} ?? []}}}}" if whole else written


def _literal(text: str) -> Json:
    """The list or object that JSON text stands for, single quotes allowed as SIM does; else the text."""
    if text.strip()[:1] in ("[", "{") and not text.strip().startswith("{{"):
        for candidate in (text, text.replace("'", '"')):
            try:
                value: Json = decode_json(candidate)
            except ValueError:  # msgspec's DecodeError is one
                continue
            return value
    return text


def _count(value: Json) -> int | None:
    if isinstance(value, str) and value.strip().isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
