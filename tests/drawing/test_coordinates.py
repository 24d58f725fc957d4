import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowray.drawing.coordinates import EDGE_GAP, NODE_GAP, monotone, place_vertices
from flowray.drawing.layers import layer_graph
from flowray.drawing.ordering import order_layers


def test_monotone_pools_what_would_go_down() -> None:
    assert monotone([1.0, 3.0, 2.0, 4.0], [1.0, 1.0, 1.0, 1.0]) == [1.0, 2.5, 2.5, 4.0]
    assert monotone([5.0, 1.0], [3.0, 1.0]) == [4.0, 4.0]
    assert monotone([], []) == []


@given(st.lists(st.floats(-1e3, 1e3), max_size=30))
def test_monotone_never_goes_down_and_keeps_the_mean(wanted: list[float]) -> None:
    placed = monotone(wanted, [1.0] * len(wanted))
    assert all(left <= right + 1e-9 for left, right in itertools.pairwise(placed))
    assert sum(placed) == pytest.approx(sum(wanted), abs=1e-6)


def test_a_fan_is_symmetric_and_a_chain_straight() -> None:
    fan = layer_graph(4, [(0, 1), (0, 2), (0, 3)])
    centres = place_vertices(fan, [100.0] * 4)
    assert centres[2] - centres[1] == centres[3] - centres[2] == 100 + NODE_GAP
    assert centres[0] == pytest.approx(centres[2])
    chain = layer_graph(3, [(0, 1), (1, 2)])
    assert len({round(centre, 3) for centre in place_vertices(chain, [100.0, 50.0, 80.0])}) == 1


def test_neighbours_never_overlap_and_nothing_lies_left_of_zero() -> None:
    graph = layer_graph(7, [(0, 3), (1, 3), (2, 3), (3, 4), (3, 5), (3, 6), (0, 6)])
    order_layers(graph)
    widths = [120.0] * 7 + [0.0] * (len(graph.layer_of) - 7)
    centres = place_vertices(graph, widths)
    for layer in graph.layers:
        for left, right in itertools.pairwise(layer):
            gap = EDGE_GAP if graph.is_dummy(left) or graph.is_dummy(right) else NODE_GAP
            assert centres[right] - centres[left] >= (widths[left] + widths[right]) / 2 + gap - 1e-6
    assert min(centre - width / 2 for centre, width in zip(centres, widths, strict=True)) == pytest.approx(0)
