"""What the plots show of the results, and that they can be drawn where the library for it is installed."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from benchmarks.curves import DRAWINGS, Point, caption, curves
from benchmarks.results import Document
from tests.benchmarks.test_results import document, figure

CHAIN = DRAWINGS[0]


def sized(size: int, **fields: Any) -> dict[str, Any]:
    return figure(f"chain of {size}", details={"series": "chain", "size": size}, **fields)


def measured() -> list[Document]:
    invalid = sized(1_000, samples=[99.0], valid=False)
    rate = {**sized(10), "unit": "/s"}
    lite = document(
        "Cost, sqlite", "sqlite", sized(100, samples=[0.5, 0.3, 0.4], http=[0.6]), sized(10), invalid, rate
    )  # fmt: skip
    lite["machine"] = {**lite["machine"], "versions": {"flowray": "1", "ray": "2", "sqlalchemy": "3"}}
    return [lite, document("Cost, postgresql", "postgresql", sized(10))]


def test_lines_by_size_without_what_is_invalid() -> None:
    engine, http, post = curves(measured(), CHAIN)
    assert engine.points == (Point(10, 0.2, 0.1234567891, 0.3), Point(100, 0.4, 0.3, 0.5))
    assert (engine.label, engine.over_http) == ("SQLite, engine", False)
    assert (http.points, http.label) == ((Point(100, 0.6, 0.6, 0.6),), "SQLite, POST to answer")
    assert post.label == "PostgreSQL, engine"


def test_other_series_are_not_in_it() -> None:
    assert curves(measured(), DRAWINGS[1]) == []


def test_the_caption_says_where_and_how_it_was_measured() -> None:
    text = caption(measured(), CHAIN)
    assert "AMD EPYC, 2 cores, Linux 6, Python 3.11.7, 2026-11-23; flowray 1, ray 2, sqlalchemy 3." in text
    assert "sqlite is durable.\npostgresql is durable." in text


def test_it_can_be_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra 'charts' is not installed")
    plots = importlib.import_module("benchmarks.plots")
    for _ in range(2):
        plots.draw(CHAIN, curves(measured(), CHAIN), caption(measured(), CHAIN), tmp_path / "docs/chain.svg")
        drawn = (tmp_path / "docs/chain.svg").read_bytes()
    plots.draw(CHAIN, curves(measured(), CHAIN), caption(measured(), CHAIN), tmp_path / "again.svg")
    assert drawn.startswith(b"<?xml")
    assert (tmp_path / "again.svg").read_bytes() == drawn
