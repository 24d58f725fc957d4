from flowray.drawing.geometry import Box, Route


def test_a_box_knows_its_middle_and_moves() -> None:
    box = Box(10, 20, 100, 40)
    assert (box.centre, box.bottom) == (60, 60)
    assert box.moved(5, -5) == Box(15, 15, 100, 40)


def test_a_route_alternates_straight_pieces_and_curves() -> None:
    route = Route("e", ((0, 0), (0, 10), (50, 40), (50, 45)))
    assert route.path() == "M0 0L0 10C0 25 50 25 50 40L50 45"
    assert Route("e", ((0, 0), (0, 0), (0, 40), (0, 40))).path() == "M0 0L0 40"


def test_a_label_stands_between_source_and_target() -> None:
    x, y = Route("e", ((0, 0), (0, 0), (100, 40), (100, 40))).label_at
    assert 40 < x < 70
    assert y == 22.0
