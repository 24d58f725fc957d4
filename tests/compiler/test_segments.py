"""What travels together (R21)."""

from __future__ import annotations

from itertools import pairwise

from flowray.compiler.segments import MAX_SEGMENT
from tests.compiler.workflows import plan_of


def _segments(nodes: str, edges: str, configs: dict[str, object] | None = None) -> dict[str, str | None]:
    return {node_id: node.segment for node_id, node in plan_of(nodes, edges, configs).nodes.items()}


def test_a_chain_of_one_lane_is_a_segment() -> None:
    assert _segments("a:input b c", "a>b b>c") == {"a": "a", "b": "a", "c": "a"}


def test_forks_joins_and_lanes_end_a_segment() -> None:
    assert _segments("a:input b c d", "a>b a>c b>d c>d") == dict.fromkeys("abcd")
    assert _segments("a:input b:work c:work d", "a>b b>c c>d") == {"a": None, "b": "b", "c": "b", "d": None}


def test_effects_streams_and_branches_travel_alone() -> None:
    """R23: an effect waits for the commit of what came before it."""
    assert _segments("a:input b:call c", "a>b b>c", {"b": {"url": "u"}}) == dict.fromkeys("abc")
    assert _segments("a:input b:stream c:stream", "a>b b>c") == dict.fromkeys("abc")
    assert _segments("a:input b:if c", "a>b b-true>c") == dict.fromkeys("abc")


def test_a_segment_is_bounded() -> None:
    names = [f"n{index}" for index in range(MAX_SEGMENT + 2)]
    found = _segments(" ".join(names), " ".join(f"{a}>{b}" for a, b in pairwise(names)))
    assert list(found.values()).count("n0") == MAX_SEGMENT
    assert found[names[-1]] == names[MAX_SEGMENT]
