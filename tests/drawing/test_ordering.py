from flowray.drawing.layers import layer_graph
from flowray.drawing.ordering import crossings, order_layers


def test_crossings_are_counted_per_pair_of_edges() -> None:
    assert crossings(layer_graph(4, [(0, 3), (1, 2)])) == 1
    assert crossings(layer_graph(4, [(0, 2), (1, 3)])) == 0
    assert crossings(layer_graph(6, [(0, 5), (1, 4), (2, 3)])) == 3


def test_crossed_edges_are_uncrossed() -> None:
    graph = layer_graph(6, [(0, 5), (1, 4), (2, 3)])
    order_layers(graph)
    assert crossings(graph) == 0


def test_what_cannot_be_uncrossed_gets_no_worse() -> None:
    every = [(upper, lower) for upper in range(3) for lower in range(3, 6)]
    graph = layer_graph(6, every)
    before = crossings(graph)
    order_layers(graph)
    assert crossings(graph) == before == 9


def test_a_good_order_stays_as_the_author_wrote_it() -> None:
    graph = layer_graph(4, [(0, 1), (0, 2), (0, 3)])
    order_layers(graph)
    assert graph.layers == [[0], [1, 2, 3]]
