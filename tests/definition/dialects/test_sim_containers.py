"""SIM's loops and parallels as configs of containers (R12)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.loading import LoadResult
from tests.definition.dialects.sim_documents import block, config_of, found, load


def container(kind: str, **data: Any) -> LoadResult:
    blocks = {
        "s": block("start_trigger", "Start"),
        "L": block(kind, "L", data=data),
        "b": block("function", "Body", "L"),
    }
    return load(blocks, "s -> L", f"L {kind}-start-source-> b")


@pytest.mark.parametrize(
    ("data", "config"),
    [
        ({"loopType": "for", "count": 3}, {"loopType": "count", "count": 3}),
        ({"loopType": "for", "iterations": 0}, {"loopType": "count", "count": 0}),
        ({"loopType": "forEach", "collection": "['x','y']"}, {"loopType": "forEach", "collection": ["x", "y"]}),
        ({"loopType": "forEach", "collection": '{"k": 1}'}, {"loopType": "forEach", "collection": [["k", 1]]}),
        ({"loopType": "forEach", "collection": "<start.a>"}, {"loopType": "forEach", "collection": "{{s.a ?? []}}"}),
        ({"loopType": "forEach", "collection": ""}, {"loopType": "forEach", "collection": ""}),
        (
            {"loopType": "while", "whileCondition": "<loop.index> < 3 && <body.n> > 1"},
            {"loopType": "while", "condition": "{{loop.index}} < 3 && {{b.n}} > 1"},
        ),
        (
            {"loopType": "doWhile", "doWhileCondition": "<l.index> < 2"},
            {"loopType": "doWhile", "condition": "{{L.index}} < 2"},
        ),
        ({"loopType": "doWhile", "doWhileCondition": " ", "count": 4}, {"loopType": "count", "count": 4}),
    ],
)
def test_loops(data: dict[str, Any], config: dict[str, Any]) -> None:
    assert config_of(container("loop", **data), "L") == {**config, "results": "all"}


def test_a_blank_number_of_iterations_is_sims_thousand() -> None:
    result = container("loop", loopType="for", count="")
    assert config_of(result, "L")["count"] == 1000
    assert found(result) == [("DIALECT_INFERRED", "/state/blocks/L")]


@pytest.mark.parametrize(
    ("data", "config"),
    [
        ({"parallelType": "count", "count": 7}, {"count": 7, "maxConcurrency": 20}),
        ({"parallelType": "count"}, {"count": 5, "maxConcurrency": 20}),
        ({"parallelType": "count", "count": 2, "batchSize": 99}, {"count": 2, "maxConcurrency": 20}),
        ({"parallelType": "collection", "distribution": [1], "batchSize": 0}, {"collection": [1], "maxConcurrency": 1}),
        ({"distribution": "<start.a>"}, {"collection": "{{s.a ?? []}}", "maxConcurrency": 20}),
    ],
)
def test_parallels(data: dict[str, Any], config: dict[str, Any]) -> None:
    assert config_of(container("parallel", **data), "L") == {**config, "results": "all"}


def test_a_container_with_nothing_enabled_inside_is_refused_before_it_runs() -> None:
    blocks = {
        "s": block("start_trigger", "Start"),
        "L": block("loop", "L", data={"count": 1}),
        "b": block("function", "B", "L", enabled=False),
    }
    assert found(load(blocks, "s -> L", "L loop-start-source-> b")) == [("EMPTY_BODY", "/state/blocks/L")]
    assert found(load(blocks, "L loop-start-source-> b")) == []
