"""Where the corpus of real workflows lies. Tests that need it skip, and say so, where it is absent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_given = os.environ.get("FLOWRAY_CORPUS")
_candidate = Path(_given) if _given else Path(__file__).resolve().parents[2] / "shared" / "corpus"

CORPUS: Path | None = _candidate if _candidate.is_dir() else None

needs_corpus = pytest.mark.skipif(CORPUS is None, reason="the corpus of real workflows is not beside the project")


def golden(name: str) -> list[dict[str, Any]]:
    """The records of one golden file of FlowMaestro; empty where the corpus is absent."""
    if CORPUS is None:
        return []
    with (CORPUS / "flowmaestro" / "golden" / name).open() as lines:
        return [json.loads(line) for line in lines if line.strip()]


def workflow_files() -> Iterator[Path]:
    """All real definitions, in order of their names."""
    if CORPUS is not None:
        yield from sorted((CORPUS / "flowmaestro" / "workflows").glob("*.json"))


def load_workflow(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """``(meta, definition)`` of one real file."""
    document = json.loads(path.read_text())
    return document["meta"], document["definition"]
