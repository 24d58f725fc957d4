import pytest

from flowray.sdk.nodes import Node


class Paper:
    """Remembers what is drawn on it."""

    def __init__(self) -> None:
        self.edges: list[str] = []
        self.inside: list[str] = []

    def connect(self, source: Node, target: Node, handle: str | None = None) -> None:
        self.edges.append(f"{source.id}-{handle}>{target.id}" if handle else f"{source.id}>{target.id}")

    def enter(self, container: Node) -> None:
        self.inside.append(container.id)

    def leave(self, container: Node) -> None:
        self.inside.remove(container.id)


@pytest.fixture
def paper() -> Paper:
    return Paper()


def nodes(paper: Paper, names: str) -> list[Node]:
    return [Node(paper, name, "step") for name in names]


def test_chains_fans_and_joins(paper: Paper) -> None:
    a, b, c, d = nodes(paper, "abcd")
    a >> [b, c] >> d
    assert paper.edges == ["a>b", "a>c", "b>d", "c>d"]
    a >> b >> c
    assert paper.edges[4:] == ["a>b", "b>c"]


def test_handles_by_name_and_the_error_handle(paper: Paper) -> None:
    a, b, c = nodes(paper, "abc")
    a["true"] >> b
    a.error >> [b, c]
    [a["x"], b] >> c
    assert paper.edges == ["a-true>b", "a-error>b", "a-error>c", "a-x>c", "b>c"]


def test_a_container_is_entered_and_left(paper: Paper) -> None:
    (a,) = nodes(paper, "a")
    with a as same:
        assert same is a
        assert paper.inside == ["a"]
    assert paper.inside == []


@pytest.mark.parametrize("wrong", ["b", 3, None, ["b"]])
def test_what_is_no_node_cannot_be_connected(paper: Paper, wrong: object) -> None:
    (a,) = nodes(paper, "a")
    with pytest.raises(TypeError):
        a >> wrong
    with pytest.raises(TypeError):
        wrong >> a
    assert paper.edges == []
