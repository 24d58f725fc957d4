from flowray.drawing.layers import MAX_DUMMIES, layer_graph


def test_a_node_lies_below_all_that_lead_to_it() -> None:
    graph = layer_graph(4, [(0, 1), (1, 2), (0, 2), (2, 3)])
    assert graph.layer_of[:4] == [0, 1, 2, 3]
    assert graph.reversed == frozenset()


def test_a_long_edge_is_cut_into_one_dummy_per_layer_between() -> None:
    graph = layer_graph(4, [(0, 1), (1, 2), (2, 3), (0, 3)])
    assert graph.chains[3] == [0, 4, 5, 3]
    assert [graph.is_dummy(vertex) for vertex in graph.chains[3]] == [False, True, True, False]
    assert graph.layers == [[0], [1, 4], [2, 5], [3]]
    assert graph.above[5] == [4]
    assert graph.below[4] == [5]


def test_a_root_stands_just_above_what_it_feeds() -> None:
    graph = layer_graph(4, [(0, 1), (1, 2), (3, 2)])
    assert graph.layer_of[3] == 1


def test_an_edge_that_closes_a_cycle_runs_upwards() -> None:
    graph = layer_graph(3, [(0, 1), (1, 2), (2, 1)])
    assert graph.reversed == {2}
    assert graph.chains[2] == [1, 2]
    assert graph.layer_of == [0, 1, 2]


def test_bottom_nodes_share_the_last_layer() -> None:
    graph = layer_graph(5, [(0, 1), (0, 2), (2, 3), (0, 4)], bottom=[1, 4])
    assert graph.layer_of[:5] == [0, 3, 1, 2, 3]


def test_nothing_makes_no_layers() -> None:
    assert layer_graph(0, []).layers == []


def test_the_number_of_dummies_is_bounded() -> None:
    chain = [(index, index + 1) for index in range(199)]
    hub = [(0, index) for index in range(2, 200)]
    graph = layer_graph(200, chain + hub)
    assert len(graph.layer_of) - 200 <= MAX_DUMMIES
    assert graph.chains[-1] == [0, 199]
